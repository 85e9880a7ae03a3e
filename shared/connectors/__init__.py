"""The two systems, and the vault that holds their credentials. Nothing outside knows a wire format."""
