"""Alerts of other systems come in: received, stored before they are acknowledged, worked off in one place."""
