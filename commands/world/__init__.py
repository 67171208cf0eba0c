"""What is told outside of an incident's own channel: to stakeholders, and to ticket systems."""
