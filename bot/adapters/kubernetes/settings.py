"""The settings of Kubernetes: which clusters there are, and where in them the gateway runs."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from commands.domain.location import Location

_NAME = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
_NAME_OR_NONE = r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClusterSettings(_Section):
    """How one cluster is reached: as a kubeconfig says, or from within."""

    kubeconfig: str = ""
    context: str = ""
    in_cluster: bool = False
    namespace: str = Field(default="", pattern=_NAME_OR_NONE)
    namespaces: tuple[Annotated[str, Field(pattern=_NAME)], ...] = ()
    impersonate: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> ClusterSettings:
        if self.in_cluster and (self.kubeconfig or self.context):
            raise ValueError("in_cluster needs neither kubeconfig nor context; leave one or the other out")
        return self


class Usual(_Section):
    """Where a channel means, when its people name no place."""

    cluster: str
    namespace: str = Field(default="", pattern=_NAME_OR_NONE)


class KubernetesSettings(_Section):
    """The clusters, by the names that people use for them."""

    clusters: dict[str, ClusterSettings] = {}
    channels: dict[str, Usual] = {}
    connect_seconds: float = Field(default=3, gt=0, le=60)
    timeout_seconds: float = Field(default=8, gt=0, le=60)

    @model_validator(mode="after")
    def _channels_mean_clusters(self) -> KubernetesSettings:
        for pattern, where in self.channels.items():
            if where.cluster not in self.clusters:
                allowed = ", ".join(self.clusters) or "none yet"
                raise ValueError(f"channels.{pattern}.cluster = {where.cluster!r} is not among clusters: {allowed}")
        return self

    def usual(self) -> dict[str, Location]:
        """The places that channels mean, by pattern."""
        return {pattern: Location(one.cluster, one.namespace) for pattern, one in self.channels.items()}


class WhereItRuns(_Section):
    """The Deployment of a service. Empty: it runs as local processes."""

    cluster: str = ""
    namespace: str = Field(default="", pattern=_NAME_OR_NONE)
    deployment: str = Field(default="", pattern=r"^([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?)?$")

    def check(self, known: KubernetesSettings) -> None:
        """Raises ValueError when it names what there is not, or half of what is needed."""
        if self.deployment and not self.cluster and len(known.clusters) != 1:
            raise ValueError("gateway.kubernetes.cluster is empty; name one of kubernetes.clusters")
        if self.cluster and self.cluster not in known.clusters:
            allowed = ", ".join(known.clusters) or "none yet"
            raise ValueError(
                f"gateway.kubernetes.cluster = {self.cluster!r} is not among kubernetes.clusters: {allowed}"
            )

    def cluster_of(self, known: KubernetesSettings) -> str:
        """Its cluster; the only one need not be named."""
        return self.cluster or next(iter(known.clusters))
