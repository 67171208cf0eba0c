"""Who a request comes from: tokens, API keys, their revocation, and what a route asks for."""
