"""Where the service runs: the cluster, the namespace, the Deployment."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from bot.adapters.kubernetes.access import GET_DEPLOYMENT, LIST_DEPLOYMENTS, LIST_PODS
from bot.adapters.kubernetes.pods import selector_of
from bot.adapters.kubernetes.wire import Cluster
from commands.domain.location import HERE, Location
from commands.errors import NotFound, Unavailable

MOST_PODS = 500
_FEW = 10


@dataclass(frozen=True)
class Place:
    """One Deployment, found by the name of the service or by its own."""

    service: str
    cluster: Cluster
    namespace: str
    deployment: str

    def check(self, name: str, at: Location = HERE) -> None:
        """Raises NotFound for another service, and for another place."""
        self.check_name(name)
        if not self.fits(at):
            raise NotFound(f"{self.service} does not run in {at.words}.", hint="I know:", allowed=[self.options])

    def check_name(self, name: str) -> None:
        """Raises NotFound for another service."""
        if name not in {self.service, self.deployment}:
            raise NotFound(f"There is no service {name[:60]!r} that I can act on.", hint=f"I know: {self.service}.")

    def fits(self, at: Location) -> bool:
        """Whether this is meant; what was not said fits, and a namespace that is not known yet fits none."""
        return at.cluster in {"", self.cluster.name} and at.namespace in {"", self.known_space}

    def may_be(self, at: Location) -> bool:
        """Whether this is in the cluster that is meant, while its namespace is not known."""
        return at.cluster == self.cluster.name and not self.known_space

    @property
    def known_space(self) -> str:
        """The namespace, as far as it is known: that of a kubeconfig's context only after a first look."""
        return self.namespace or self.cluster.known_namespace

    @property
    def options(self) -> str:
        """As it is typed."""
        return Location(self.cluster.name, self.known_space).options

    async def space(self) -> str:
        """The namespace."""
        return await self.cluster.namespace(self.namespace)

    async def read(self) -> dict[str, Any]:
        """The Deployment as it is now. Raises NotFound, which lists those there are, and Unavailable."""
        space = await self.space()
        try:
            found: dict[str, Any] = await self.cluster.get(GET_DEPLOYMENT, space, self.deployment)
        except NotFound as missing:
            raise NotFound(missing.message, hint=await self._those_there_are(space)) from missing
        return found

    async def pods(self, deployment: dict[str, Any] | None = None, *, also: str = "") -> list[dict[str, Any]]:
        """Its pods, by name; `also`: a selector that they must fit besides."""
        selector = ",".join(filter(None, (selector_of(deployment or await self.read()), also)))
        space = await self.space()
        found = await self.cluster.get(LIST_PODS, space, labelSelector=selector, limit=MOST_PODS)
        return sorted(found["items"], key=lambda one: str(one["metadata"]["name"]))

    async def _those_there_are(self, space: str) -> str:
        names: list[str] = []
        with contextlib.suppress(Unavailable, NotFound):
            found = await self.cluster.get(LIST_DEPLOYMENTS, space, limit=MOST_PODS)
            names = [one["metadata"]["name"] for one in found["items"]]
        there = (
            f"Those there are: {', '.join(names[:_FEW])}." if names else f"There are none in {space} that I can see."
        )
        return f"{there} The setting is gateway.kubernetes.deployment."
