"""gateway's SQL: who asks (`users`, `api_keys`), for which `companies`, what (`requests`), and `authorisations` under way."""
