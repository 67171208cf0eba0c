"""Rate limits: how much each client may ask of a route, counted in the worker or on Redis."""
