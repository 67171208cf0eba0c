"""Atlassian Statuspage as its documentation describes it (developer.statuspage.io)."""
