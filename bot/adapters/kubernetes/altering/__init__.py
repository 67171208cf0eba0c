"""Changes of the gateway's objects, besides its count and its restart: one file for each kind of object."""
