"""The history of the database's schema, valid on SQLite and on PostgreSQL."""
