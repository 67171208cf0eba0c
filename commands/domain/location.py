"""Where something runs, by the names that people use: a cluster, and a namespace in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Location:
    """What is empty was not said: then the settings decide, and what fits twice is asked about, never guessed."""

    cluster: str = ""
    namespace: str = ""

    @property
    def said(self) -> bool:
        """Whether anything of it was said."""
        return bool(self.cluster or self.namespace)

    @property
    def words(self) -> str:
        """`production/edge`."""
        return "/".join(part for part in (self.cluster, self.namespace) if part)

    @property
    def options(self) -> str:
        """As it is typed."""
        named = (("--cluster", self.cluster), ("--namespace", self.namespace))
        return " ".join(f"{flag} {value}" for flag, value in named if value)


HERE = Location()
