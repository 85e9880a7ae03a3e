"""gateway's SQL.

Who asks (`users`, `api_keys`, `attempts`, `audit`), for which `companies`, what (`requests`), and `authorisations`.
"""
