"""What all parts of the simulated cluster share: objects, time, chance, and settings that tests change."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulators.kubernetes.resources import Age, Catalogue
from tests.simulators.kubernetes.store import Store
from tests.simulators.slack.clock import Clock, ManualClock

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


@dataclass
class Pace:
    """How long things take, in seconds of the cluster's clock."""

    start: float = 2.0
    stop: float = 1.0
    image_back_off: float = 10.0
    crash: float = 1.0
    crash_back_off: float = 10.0
    most_back_off: float = 300.0
    node_lost: float = 40.0
    hpa_sync: float = 15.0
    hpa_scale_down: float = 300.0


@dataclass
class Core:
    """The heart of the cluster."""

    clock: Clock = field(default_factory=ManualClock)
    age: Age = "current"
    pace: Pace = field(default_factory=Pace)
    seed: int = 1
    store: Store = field(default_factory=Store)
    due: list[datetime] = field(default_factory=list)
    """When something will happen by itself: controllers add to it on each round."""
    routine: list[datetime] = field(default_factory=list)
    """When somebody will only look again."""

    def __post_init__(self) -> None:
        self.catalogue = Catalogue.of(self.age)
        self.chance = random.Random(self.seed)

    def now(self) -> datetime:
        """Aware, UTC."""
        return self.clock.now()

    def stamp(self) -> str:
        """Now, as objects carry it: whole seconds."""
        return stamp(self.now())

    def uid(self) -> str:
        """A new identity."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def suffix(self, length: int = 5) -> str:
        """What makes a generated name unique."""
        return "".join(self.chance.choice(_LETTERS) for _ in range(length))

    def after(self, since: datetime, seconds: float, *, routine: bool = False) -> bool:
        """Whether so much time has passed; if not, the cluster looks again when it has."""
        moment = since + timedelta(seconds=seconds)
        if self.now() >= moment:
            return True
        (self.routine if routine else self.due).append(moment)
        return False


def stamp(moment: datetime) -> str:
    """A moment in whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def micro(moment: datetime) -> str:
    """A moment in microseconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> datetime:
    """A moment that an object carries."""
    return datetime.fromisoformat(text)


def hashed(number: int, length: int = 10) -> str:
    """A number in the letters of hashes and generated names."""
    text = ""
    for _ in range(length):
        number, rest = divmod(number, len(_LETTERS))
        text += _LETTERS[rest]
    return text
