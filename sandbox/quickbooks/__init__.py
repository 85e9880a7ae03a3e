"""A stand-in of QuickBooks Online: OAuth, Employee, query, batch and change data capture."""
