"""The admin API, on its own listener in the supervisor."""
