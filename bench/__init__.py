"""Benchmarks. Each prints a small table and, as its last line, one JSON object."""
