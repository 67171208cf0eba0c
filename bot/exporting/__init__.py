"""Postmortems as files: HTML that needs nothing else, and PDF."""
