"""The adapter as the settings have it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bot.adapters.gateway import GatewayAdmin
from bot.adapters.kubernetes.fleet import KubernetesFleet
from bot.adapters.kubernetes.gateway import KubernetesGateway
from bot.adapters.kubernetes.place import Place
from bot.adapters.kubernetes.settings import KubernetesSettings
from bot.adapters.kubernetes.wire import Cluster
from bot.settings import Settings, SettingsError

PLATFORM = "kubernetes"


def build(settings: Settings) -> KubernetesFleet:
    """Raises SettingsError when the settings do not say where the gateway runs."""
    where = settings.gateway.kubernetes
    if not where.deployment:
        raise SettingsError(
            "adapters name kubernetes, but gateway.kubernetes.deployment is empty. Name the Deployment that the "
            "gateway runs as, and its cluster among kubernetes.clusters (docs/kubernetes.md)."
        )
    own, *others = places_of(settings)
    return KubernetesFleet(
        [_gateway(settings, own, _admin(settings)), *(_gateway(settings, one) for one in others)], now=_now
    )


def places_of(settings: Settings) -> list[Place]:
    """Where the gateway may run: its own place, then each other namespace of each cluster. Raises SettingsError."""
    where, known = settings.gateway.kubernetes, settings.kubernetes
    own = where.cluster_of(known)
    places = []
    for name in dict.fromkeys((own, *known.clusters)):
        cluster = cluster_of(known, name)
        first = (where.namespace if name == own else "") or cluster.how.namespace
        spaces = dict.fromkeys(filter(None, (first, *cluster.how.namespaces))) or ("",)
        places += [Place(settings.gateway.name, cluster, space, where.deployment) for space in spaces]
    return places


def _gateway(settings: Settings, place: Place, admin: GatewayAdmin | None = None) -> KubernetesGateway:
    """Only the service's own place has the admin API of the settings."""
    return KubernetesGateway(
        place,
        limits=(settings.policy.min_replicas, settings.policy.max_replicas),
        people=_people(settings) if place.cluster.how.impersonate else None,
        admin=admin,
        now=_now,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def cluster_of(known: KubernetesSettings, name: str) -> Cluster:
    """One of the clusters. Raises SettingsError for a kubeconfig that is not there."""
    how = known.clusters[name]
    if how.kubeconfig and not Path(how.kubeconfig).expanduser().is_file():
        raise SettingsError(f"kubernetes.clusters.{name}.kubeconfig = {how.kubeconfig!r}: there is no such file.")
    return Cluster(name, how, connect=known.connect_seconds, timeout=known.timeout_seconds)


def _people(settings: Settings) -> dict[str, str]:
    """As whom the cluster knows each person: the account that the settings name, else the address."""
    known = ((one.id, one.accounts.get(PLATFORM) or one.email) for one in settings.people)
    return {person: account for person, account in known if account}


def _admin(settings: Settings) -> GatewayAdmin | None:
    token = settings.gateway.admin_token.get_secret_value()
    if not token:
        return None
    gateway = settings.gateway
    return GatewayAdmin(name=gateway.name, admin_url=gateway.admin_url, token=token, timeout=gateway.timeout_seconds)
