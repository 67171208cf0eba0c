"""The record: one SQL database, SQLite or Postgres, behind the core's Transaction port.

What each command and click executes is a statement built once, at the top of its module, with bound parameters:
building one anew, and its key in SQLAlchemy's cache of compiled statements, costs more than running it.
"""
