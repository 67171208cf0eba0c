"""The record: one SQL database, SQLite or Postgres, behind the core's Transaction port."""
