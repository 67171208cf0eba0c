"""Alerts of other systems: what they send, and what becomes of it."""
