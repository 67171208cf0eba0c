"""Fuzzing of everything that reads bytes of strangers: what is refused, understood in one way only, and never hangs.

`python -m tests.gateway.fuzzing --minutes 10` (`make fuzz`) is guided by coverage; `make test` has a few seconds of it,
always the same ones.
"""
