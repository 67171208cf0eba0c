"""The adapter as the settings have it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bot.adapters.gateway import GatewayAdmin
from bot.adapters.kubernetes.gateway import KubernetesGateway
from bot.adapters.kubernetes.place import Place
from bot.adapters.kubernetes.settings import KubernetesSettings
from bot.adapters.kubernetes.wire import Cluster
from bot.settings import Settings, SettingsError

PLATFORM = "kubernetes"


def build(settings: Settings) -> KubernetesGateway:
    """Raises SettingsError when the settings do not say where the gateway runs."""
    where = settings.gateway.kubernetes
    if not where.deployment:
        raise SettingsError(
            "adapters name kubernetes, but gateway.kubernetes.deployment is empty. Name the Deployment that the "
            "gateway runs as, and its cluster among kubernetes.clusters (docs/kubernetes.md)."
        )
    cluster = cluster_of(settings.kubernetes, where.cluster_of(settings.kubernetes))
    return KubernetesGateway(
        Place(settings.gateway.name, cluster, where.namespace, where.deployment),
        limits=(settings.policy.min_replicas, settings.policy.max_replicas),
        people=_people(settings) if cluster.how.impersonate else None,
        admin=_admin(settings),
        now=lambda: datetime.now(UTC),
    )


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
