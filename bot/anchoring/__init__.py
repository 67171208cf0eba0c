"""Anchors of the audit: its head, signed and kept elsewhere, so that a rewritten database is noticed."""
