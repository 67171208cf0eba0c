"""The gateway's admin API (`local`: worker processes on one host): what runs, what it measures, and what it is told."""

from __future__ import annotations

from bot.adapters import Adapter
from bot.adapters.gateway.admin import GatewayAdmin
from bot.settings import Settings, SettingsError

__all__ = ["ADAPTERS", "GatewayAdmin", "build"]


def build(settings: Settings) -> GatewayAdmin:
    """The gateway of the settings. Raises SettingsError without a token."""
    token = settings.gateway.admin_token.get_secret_value()
    if not token:
        raise SettingsError(
            "gateway.admin_token is empty. Set TOCSIN_GATEWAY__ADMIN_TOKEN to the token of the gateway's admin API, "
            "or run `make demo`, which makes one."
        )
    return GatewayAdmin(
        name=settings.gateway.name,
        admin_url=settings.gateway.admin_url,
        token=token,
        timeout=settings.gateway.timeout_seconds,
    )


ADAPTERS = (Adapter(name="local", ports=("deployments", "telemetry", "logs"), build=build),)
