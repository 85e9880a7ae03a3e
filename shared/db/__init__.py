"""PostgreSQL: the pool, transactions that name their companies, migrations, leases."""
