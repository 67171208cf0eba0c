"""One container: from its image to its crash, and back off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tests.simulators.kubernetes.behaviour import Behaviour
from tests.simulators.kubernetes.core import Core, stamp
from tests.simulators.kubernetes.store import Object

_PROBE = "Readiness probe failed: HTTP probe failed with statuscode: 503"
State = Literal["creating", "pulling", "unpulled", "running", "ended", "backing_off"]


@dataclass(frozen=True)
class Happened:
    """Something to tell."""

    reason: str
    text: str
    warning: bool = False


@dataclass
class Container:
    """The state of a container. Moments are of the cluster's clock."""

    name: str
    since: datetime
    state: State = "creating"
    ready: bool = False
    restarts: int = 0
    exit_code: int = 0
    why: str = ""
    started: datetime | None = None
    last: dict[str, Any] | None = None
    crashes: int = 0
    told: bool = False

    def live(self, core: Core, behaviour: Behaviour, image: str) -> Iterator[Happened]:
        """Go on as far as time has come, and tell what happened."""
        if self.state in {"creating", "pulling", "unpulled"}:
            yield from self._create(core, behaviour, image)
        if self.state == "running":
            yield from self._run(core, behaviour)
        if self.state == "ended":
            yield from self._back_off(core)
        if self.state == "backing_off" and core.after(self.since, self._pause(core)):
            self.restarts += 1
            yield from self._start(core, behaviour)
            yield from self._run(core, behaviour)

    def _create(self, core: Core, behaviour: Behaviour, image: str) -> Iterator[Happened]:
        if behaviour.does == "missing":
            if self.state == "creating":
                self._enter("pulling", core.now())
                yield Happened("Pulling", f'Pulling image "{image}"')
                yield Happened("Failed", f'Failed to pull image "{image}": not found', warning=True)
                yield Happened("Failed", "Error: ErrImagePull", warning=True)
            elif self.state == "pulling" and core.after(self.since, core.pace.image_back_off):
                self._enter("unpulled", core.now())
                yield Happened("BackOff", f'Back-off pulling image "{image}"')
                yield Happened("Failed", "Error: ImagePullBackOff", warning=True)
            return
        if core.after(self.since, _begins(core, behaviour)):
            yield Happened("Pulled", f'Container image "{image}" already present on machine')
            yield Happened("Created", f"Created container: {self.name}")
            yield from self._start(core, behaviour)

    def _start(self, core: Core, _: Behaviour) -> Iterator[Happened]:
        self._enter("running", core.now())
        self.started = core.now()
        self.ready = False
        yield Happened("Started", f"Started container {self.name}")

    def _run(self, core: Core, behaviour: Behaviour) -> Iterator[Happened]:
        assert self.started is not None
        if behaviour.does == "crashes":
            if core.after(self.started, core.pace.crash):
                self.end(core.now(), behaviour.exit_code, behaviour.reason)
        elif behaviour.does == "unready":
            self.ready = False
            if not self.told:
                self.told = True
                yield Happened("Unhealthy", _PROBE, warning=True)
        elif not self.ready:
            rest = _takes(core, behaviour) - _begins(core, behaviour)
            self.ready = core.after(self.started, rest)

    def end(self, now: datetime, exit_code: int, reason: str) -> None:
        """The process is over."""
        self.ready = False
        self.exit_code, self.why = exit_code, reason
        self.crashes += 1
        known = {"exitCode": exit_code, "reason": reason, "finishedAt": stamp(now)}
        self.last = {**known, "startedAt": stamp(self.started or now), "containerID": self._id()}
        self._enter("ended", now)

    def _back_off(self, core: Core) -> Iterator[Happened]:
        """The first time it is started again at once; then it has to wait."""
        if self.crashes == 1:
            self.restarts += 1
            yield from self._start(core, Behaviour())
        else:
            self._enter("backing_off", core.now())
            yield Happened("BackOff", f"Back-off restarting failed container {self.name}", warning=True)

    def _pause(self, core: Core) -> float:
        return float(min(core.pace.crash_back_off * 2 ** (self.crashes - 2), core.pace.most_back_off))

    def _enter(self, state: State, now: datetime) -> None:
        self.state, self.since = state, now

    def _id(self) -> str:
        return f"containerd://{self.name}-{self.restarts}"

    def shown(self, image: str, *, ready: bool, pod: Object) -> dict[str, Any]:
        """As the pod's status has it."""
        begun = self.state == "running"
        return {
            "name": self.name,
            "image": image,
            "imageID": "" if self.state in {"creating", "pulling", "unpulled"} else f"{image}@sha256:{'0' * 64}",
            "ready": ready,
            "started": begun,
            "restartCount": self.restarts,
            "state": self._state(pod),
            "lastState": {"terminated": self.last} if self.last and self.state != "ended" else {},
            **({"containerID": self._id()} if begun else {}),
        }

    def _state(self, pod: Object) -> dict[str, Any]:
        match self.state:
            case "running":
                assert self.started is not None
                return {"running": {"startedAt": stamp(self.started)}}
            case "ended":
                return {"terminated": self.last}
            case "creating":
                return {"waiting": {"reason": "ContainerCreating"}}
            case "pulling":
                return {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
            case "unpulled":
                return {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
        meta = pod["metadata"]
        text = f"back-off restarting failed container={self.name} pod={meta['name']}_{meta['namespace']}({meta['uid']})"
        return {"waiting": {"reason": "CrashLoopBackOff", "message": text}}


def _takes(core: Core, behaviour: Behaviour) -> float:
    return core.pace.start if behaviour.start is None else behaviour.start


def _begins(core: Core, behaviour: Behaviour) -> float:
    """The process runs some time before it is ready."""
    return _takes(core, behaviour) / 2
