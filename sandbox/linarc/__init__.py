"""A stand-in of Linarc behind the REST contract our connector is written for."""
