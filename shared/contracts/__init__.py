"""The language of the system: records, events, commands, topics, views. Imports pydantic and phonenumbers only."""
