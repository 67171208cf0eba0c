"""Durable work: what must go on after a crash. Other rooms see `Durable`, never the library behind it."""
