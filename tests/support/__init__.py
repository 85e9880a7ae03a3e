"""What tests are built from: the two servers, a fleet of real services, and patience."""
