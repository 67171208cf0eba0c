"""The response cache (RFC 9111), in each worker's memory: policy, store, its place in an exchange, orders."""
