"""The database: tables, connections, migrations, and reading and writing stories."""
