"""Mitigations: what can be done to a target. One file each; the engine does the rest for all alike."""
