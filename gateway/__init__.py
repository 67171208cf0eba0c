"""Tocsin's gateway: a reverse proxy run by a supervisor, with an admin API.

The other rooms of the project meet it over HTTP only; it imports none of them.
"""

__version__ = "0.1.0"
