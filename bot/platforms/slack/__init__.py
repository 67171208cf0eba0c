"""Tocsin in Slack."""
