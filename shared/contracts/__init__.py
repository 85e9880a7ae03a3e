"""What travels between the services: topics, events, commands and views."""
