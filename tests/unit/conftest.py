"""How Hypothesis works here: no time limit for one example, since other tests run beside it."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("tocsin", deadline=None)
settings.load_profile("tocsin")
