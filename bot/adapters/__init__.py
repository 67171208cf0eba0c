"""Adapters: the outside behind the core's ports, one file each."""
