"""The data plane: client connections, exchanges, upstream connections."""
