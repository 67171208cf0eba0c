"""The gateway as a Deployment in Kubernetes, behind the ports of the gateway that runs as local processes.

The official client is imported at the first call: whoever does not use Kubernetes does not wait for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.adapters import Adapter

if TYPE_CHECKING:
    from bot.adapters.kubernetes.fleet import KubernetesFleet
    from bot.settings import Settings


def build(settings: Settings) -> KubernetesFleet:
    """The gateway of the settings. Raises SettingsError when they do not say where it runs."""
    from bot.adapters.kubernetes.building import build as made

    return made(settings)


ADAPTERS = (Adapter(name="kubernetes", ports=("deployments", "telemetry", "logs"), build=build),)
