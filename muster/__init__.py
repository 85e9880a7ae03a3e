"""The command line and the embedded runtime: one command brings up PostgreSQL, Apache Kafka and the five services."""
