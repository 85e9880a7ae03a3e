"""The domain: ids, values, the employee, settings, what systems can carry. Imports pydantic and phonenumbers only."""
