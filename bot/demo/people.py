"""Five people for the demo and the drill."""

from __future__ import annotations

from typing import Any

PEOPLE: list[dict[str, Any]] = [
    {
        "id": "ana",
        "name": "Ana Ruiz",
        "title": "Site reliability engineer",
        "roles": ["operator"],
        "timezone": "Europe/Madrid",
    },
    {
        "id": "ben",
        "name": "Ben Okafor",
        "title": "Gateway engineer",
        "roles": ["operator"],
        "timezone": "Europe/London",
    },
    {
        "id": "chloe",
        "name": "Chloé Martin",
        "title": "Support lead",
        "roles": ["responder"],
        "timezone": "Europe/Paris",
    },
    {
        "id": "dev",
        "name": "Dev Patel",
        "title": "Engineering lead",
        "roles": ["operator", "admin"],
        "timezone": "Asia/Kolkata",
    },
    {
        "id": "eve",
        "name": "Eve Larsson",
        "title": "Product manager",
        "roles": ["viewer"],
        "timezone": "America/New_York",
    },
]
ON_CALL = {"*": ["ana", "ben"]}
