"""The settings of the status pages."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from commands.domain.public import Component, Publicity


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PageSettings(_Section):
    """A page outside. `components`: our component's id, and its id there."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    kind: Literal["statuspage"] = "statuspage"
    page_id: str = Field(pattern=r"^[A-Za-z0-9]{1,64}$")
    api_key: SecretStr
    components: dict[str, str] = {}
    url: str = "https://api.statuspage.io"
    notify: bool = True


class StatusPageSettings(_Section):
    """The public pages: the built-in one, and those outside."""

    enabled: bool = True
    title: str = Field(default="Status", min_length=1, max_length=120)
    history_days: int = Field(default=14, ge=1, le=90)
    components: tuple[Component, ...] = ()
    blocked: tuple[str, ...] = ()
    pages: tuple[PageSettings, ...] = ()

    @field_validator("blocked")
    @classmethod
    def _are_words(cls, blocked: tuple[str, ...]) -> tuple[str, ...]:
        if any(not word.strip() for word in blocked):
            raise ValueError("an empty word would block everything")
        return blocked

    @model_validator(mode="after")
    def _names_are_one_of_each(self) -> StatusPageSettings:
        for what, names in (
            ("pages", [one.name for one in self.pages]),
            ("components", [one.id for one in self.components]),
        ):
            twice = sorted({one for one in names if names.count(one) > 1})
            if twice:
                raise ValueError(f"{what}: two are called {', '.join(twice)}")
        known = {one.id for one in self.components}
        strange = sorted({one for page in self.pages for one in page.components if one not in known})
        if strange:
            raise ValueError(f"pages: {', '.join(strange)} is not among components")
        return self

    def publicity(self) -> Publicity:
        """As the core knows it."""
        pages = tuple(one.name for one in self.pages)
        return Publicity(
            title=self.title, built_in=self.enabled, pages=pages, components=self.components, blocked=self.blocked
        )
