"""Severity schemes. Each runbook has its own; the organisation picks one or writes its own in the settings."""

from __future__ import annotations

import re
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field, model_validator

from commands.domain.sli import Objectives, Reading
from commands.errors import Malformed


class Figures(BaseModel):
    """From what figures on a level applies; what is None is not looked at.

    `errors_over` and `cache_hits_under` are ratios (0 to 1), `p95_over_ms` milliseconds; `outage`: nothing answers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    outage: bool = False
    errors_over: float | None = Field(default=None, ge=0, le=1)
    p95_over_ms: float | None = Field(default=None, gt=0)
    cache_hits_under: float | None = Field(default=None, ge=0, le=1)

    def reached(self, reading: Reading) -> bool:
        """Whether a reading is as bad as that. Without requests only an outage is."""
        if not reading.up:
            return self.outage
        return reading.requests > 0 and (
            _over(reading.error_rate, self.errors_over)
            or _over(reading.p95_ms, self.p95_over_ms)
            or _over(self.cache_hits_under, reading.cache_hit_ratio)
        )


def _over(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value > limit


class Severity(BaseModel):
    """One level of a scheme. `rank` 1 is the worst; times are None where the scheme sets none.

    `figures`: from when on it applies, in numbers; None where the scheme says it in words alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    rank: int
    name: str
    criteria: str
    respond_within: timedelta
    update_every: timedelta | None = None
    escalate_after: timedelta | None = None
    aliases: tuple[str, ...] = ()
    figures: Figures | None = None


class Scheme(BaseModel):
    """The levels of an organisation, worst first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    levels: tuple[Severity, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_level_once(self) -> Scheme:
        ids = [level.id for level in self.levels]
        if len(set(ids)) != len(ids):
            raise ValueError(f"severity ids must differ, got {ids}")
        return self

    @model_validator(mode="after")
    def _each_word_names_one_level(self) -> Scheme:
        owners: dict[str, str] = {}
        for level in self.levels:
            for word in _words(level):
                if owners.setdefault(word, level.id) != level.id:
                    raise ValueError(
                        f"{word!r} names both {owners[word]} and {level.id}; names and aliases must differ"
                    )
        return self

    def parse(self, word: str) -> Severity:
        """The level that `sev1`, `SEV-1`, `p0`, `1` or an alias names.

        Raises:
            Malformed: no level has that name; the refusal lists the levels.
        """
        key = _key(word)
        named = [level for level in self.levels if key in _words(level)]
        numbered = [level for level in self.levels if key and key == _digits(level.id)]
        for found in (named, numbered):
            if len(found) == 1:
                return found[0]
        raise Malformed(
            f"“{word[:40]}” is no severity.",
            hint="Severities:",
            allowed={level.id: level.name for level in self.levels},
        )

    def get(self, level_id: str) -> Severity:
        """A level by its stored id; a level that the scheme has lost since stays readable."""
        for level in self.levels:
            if level.id == level_id:
                return level
        return Severity(id=level_id, rank=99, name="retired", criteria="", respond_within=timedelta(hours=4))

    def judged(self, reading: Reading, objectives: Objectives) -> Severity | None:
        """The worst level whose figures a reading has; None for a reading that is within the objectives too.

        What breaches the objectives and reaches no level's figures is the mildest of the levels that have some.
        """
        measured = [level for level in self.levels if level.figures]
        reached = [level for level in measured if level.figures and level.figures.reached(reading)]
        if reached:
            return min(reached, key=lambda level: level.rank)
        if objectives.breached(reading):
            return max(measured, key=lambda level: level.rank, default=self.worst)
        return None

    @property
    def worst(self) -> Severity:
        """The level of a full outage."""
        return min(self.levels, key=lambda level: level.rank)


def _key(word: str) -> str:
    return re.sub(r"[\s_-]", "", word).casefold()


def _words(level: Severity) -> set[str]:
    return {_key(level.id), _key(level.name), *map(_key, level.aliases)}


def _digits(word: str) -> str:
    return "".join(c for c in word if c.isdigit())


def _minutes(n: float) -> timedelta:
    return timedelta(minutes=n)


def _level(
    level_id: str,
    rank: int,
    name: str,
    criteria: str,
    *,
    respond: float,
    figures: Figures | None = None,
    **times: float,
) -> Severity:
    """A level of a preset; times in minutes."""
    return Severity(
        id=level_id,
        rank=rank,
        name=name,
        criteria=criteria,
        respond_within=_minutes(respond),
        update_every=_minutes(times["update"]) if "update" in times else None,
        escalate_after=_minutes(times["escalate"]) if "escalate" in times else None,
        aliases=(f"p{rank - 1}",) if level_id.startswith("SEV") else (),
        figures=figures,
    )


#: "Gateway down, all requests failing" (runbooks 001 to 003); health checks may still be answered.
_OUTAGE = Figures(outage=True, errors_over=0.95)


#: Runbook 002, section 2.2 and 2.5: the default. Updates every 15 minutes are its status-page promise.
SEV1_TO_SEV4 = Scheme(
    name="sev1-sev4",
    levels=(
        _level("SEV1", 1, "critical", "Complete service outage", respond=15, update=15, escalate=30, figures=_OUTAGE),
        _level(
            "SEV2",
            2,
            "high",
            "Partial outage or severe degradation (errors over 50%)",
            respond=60,
            update=15,
            escalate=120,
            figures=Figures(errors_over=0.5),
        ),
        _level(
            "SEV3",
            3,
            "medium",
            "Minor degradation (errors 10 to 50%)",
            respond=240,
            update=60,
            figures=Figures(errors_over=0.1),
        ),
        _level("SEV4", 4, "low", "Minimal impact: single instances, non-critical features", respond=1440),
    ),
)

#: Runbook 001, "Incident Severity Levels".
P0_TO_P3 = Scheme(
    name="p0-p3",
    levels=(
        _level("P0", 1, "critical", "Complete outage", respond=5, update=15, escalate=15, figures=_OUTAGE),
        _level(
            "P1",
            2,
            "high",
            "Severe degradation: errors over 10%, latency over 100 ms",
            respond=15,
            update=15,
            escalate=30,
            figures=Figures(errors_over=0.1, p95_over_ms=100),
        ),
        _level(
            "P2",
            3,
            "medium",
            "Partial degradation: one backend failing, errors under 5%",
            respond=60,
            update=60,
            figures=Figures(errors_over=0.01),
        ),
        _level("P3", 4, "low", "Minor issue: warnings, slight degradation", respond=240),
    ),
)

#: Runbook 003, "Severity Levels".
SEV0_TO_SEV3 = Scheme(
    name="sev0-sev3",
    levels=(
        _level(
            "SEV-0",
            1,
            "critical system down",
            "Complete outage, all traffic affected",
            respond=2,
            update=15,
            escalate=15,
            figures=_OUTAGE,
        ),
        _level(
            "SEV-1",
            2,
            "major performance degradation",
            "P95 over 50 ms or errors over 5%",
            respond=5,
            update=15,
            escalate=30,
            figures=Figures(p95_over_ms=50, errors_over=0.05),
        ),
        _level(
            "SEV-2",
            3,
            "minor performance issues",
            "P95 over 10 ms or cache hit ratio under 60%",
            respond=15,
            update=60,
            figures=Figures(p95_over_ms=10, cache_hits_under=0.6),
        ),
        _level("SEV-3", 4, "warning conditions", "Metrics approaching thresholds", respond=60),
    ),
)

#: Runbook 004 names P1 to P3 in its incident report without times; the times are 002's for the same ranks.
P1_TO_P3 = Scheme(
    name="p1-p3",
    levels=(
        _level(
            "P1",
            1,
            "critical",
            "Service outage or suspected breach",
            respond=15,
            update=15,
            escalate=30,
            figures=_OUTAGE,
        ),
        _level(
            "P2",
            2,
            "high",
            "High error rate or high latency",
            respond=60,
            update=15,
            escalate=120,
            figures=Figures(errors_over=0.05),
        ),
        _level("P3", 3, "medium", "Degradation without customer impact", respond=240),
    ),
)

PRESETS = {scheme.name: scheme for scheme in (SEV1_TO_SEV4, P0_TO_P3, SEV0_TO_SEV3, P1_TO_P3)}
