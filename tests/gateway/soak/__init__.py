"""The soak: a gateway under load for long, while all around it fails in turn. `python -m tests.gateway.soak --help`."""
