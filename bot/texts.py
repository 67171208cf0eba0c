"""Texts for the outside, from the templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.domain.incident import Status
from templates.render import render


class JinjaTexts:
    """The Texts port: the templates of `templates/status/`."""

    def status_update(self, status: Status, values: Mapping[str, Any]) -> str:
        """See Texts."""
        return render(f"status/{status.value}.txt.j2", **values).strip()
