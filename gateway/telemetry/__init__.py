"""Counting, timing and logging, in the workers and summed in the supervisor."""
