"""Calling people: the settings, and what a pager outside is told."""
