"""Tells the world outside of chat: stakeholders and ticket systems, by errands of the record."""
