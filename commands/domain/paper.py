"""A postmortem as a document: its text, its versions, and how far its review is."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from commands.charts import Chart
from commands.errors import Conflict
from commands.sections import joined, merged, sections, untouched


class Overtaken(Conflict):
    """Somebody else has saved meanwhile; `paper` is how it reads now, and `text` what was not saved."""

    def __init__(self, paper: Paper, text: str) -> None:
        super().__init__("Somebody else has saved meanwhile.", hint="Bring the two together, and save again.")
        self.paper = paper
        self.text = text


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class PaperState(StrEnum):
    """How far it is."""

    DRAFT = "draft"
    REVIEW = "in review"
    PUBLISHED = "published"


class Revision(_Value):
    """One version, who made it (a person's id, or the bot's) and how."""

    number: int
    at: AwareDatetime
    by: str
    what: str
    markdown: str = ""


class Paper(_Value):
    """The newest version.

    `generated` is what Tocsin would write now; `base`, by section, what it had written when somebody changed that
    section last, or else what it has written there. `reviewer`: who was asked. `published`: the version that was.
    """

    incident: str
    markdown: str
    template: str
    generated: str
    base: dict[str, str]
    version: int = 1
    state: PaperState = PaperState.DRAFT
    reviewer: str = ""
    published: int = 0
    published_by: str = ""
    chart: Chart | None = None

    @property
    def ahead(self) -> bool:
        """Whether it was changed since it was published."""
        return 0 < self.published < self.version

    def news(self) -> dict[str, str]:
        """By section that somebody changed: what Tocsin would write there now, where that is new to them."""
        mine, fresh = sections(self.markdown), sections(self.generated)
        return {
            key: text
            for key, text in fresh.items()
            if key in self.base and text != self.base[key] and mine.get(key) != text
        }

    def redrafted(self, generated: str, template: str, chart: Chart | None) -> Paper:
        """Sections that nobody has touched follow; the others stay as they are."""
        text, base = merged(self.markdown, self.base, generated)
        return self.model_copy(
            update={
                "markdown": text,
                "base": base,
                "generated": generated,
                "template": template,
                "chart": chart or self.chart,
            }
        )

    def edited(self, markdown: str) -> Paper:
        """What somebody wrote; they have seen what Tocsin would write in the sections that they changed."""
        before, after, fresh = sections(self.markdown), sections(markdown), sections(self.generated)
        changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        base = self.base | {key: fresh[key] for key in changed if key in fresh}
        return self.model_copy(update={"markdown": joined(after), "base": base})

    @property
    def touched(self) -> list[str]:
        """The sections that Tocsin does not write any more, since somebody has."""
        mine = sections(self.markdown)
        return [key for key in {**mine, **self.base} if not untouched(key, mine, self.base)]


def first_paper(incident: str, generated: str, template: str, chart: Chart | None) -> Paper:
    """As it was drafted."""
    found = sections(generated)
    return Paper(
        incident=incident,
        markdown=joined(found),
        template=template,
        generated=generated,
        base=found,
        chart=chart,
    )
