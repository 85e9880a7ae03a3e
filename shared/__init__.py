"""What every service builds on: the language of the system, and the ways to Kafka, PostgreSQL, HTTP and the two systems."""
