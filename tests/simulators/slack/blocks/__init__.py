"""Block Kit: its shapes, its limits, what it looks like as text."""
