"""Something that a rule has to say: how grave it is, and what a message of it is made of."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from notilog.logs.alerts.counting import Verdict
from notilog.logs.alerts.matching import Rule
from notilog.logs.levels import NUMBERS
from notilog.notifications.wishes import CRITICAL, LOW, NEAR


@dataclass(frozen=True, slots=True)
class Saying:
    """Something that a rule has to say of one of its groups."""

    rule: Rule
    fingerprint: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody whom a rule tells; ``chosen`` is the channel that it names, if any."""

    user_id: UUID
    chosen: str | None
    channel: str


@dataclass(frozen=True, slots=True)
class Addressed:
    """A rule's name, and whom it tells."""

    rule_name: str
    people: tuple[Told, ...]


def priority_of(saying: Saying) -> int:
    """By the level of the line; absence has that of the lines that are missing."""
    rule, line = saying.rule, saying.verdict.line
    level = line["level"] if line else rule.level or rule.min_level or NUMBERS["warning"]
    if level >= NUMBERS["critical"]:
        return CRITICAL
    if level >= NUMBERS["warning"] or rule.kind == "absence":
        return NEAR
    return LOW


def content_of(saying: Saying, *, name: str) -> dict[str, Any]:
    """What a message is made of; see `notilog.notifications.alert_texts`."""
    rule, verdict = saying.rule, saying.verdict
    line = verdict.line or {}
    return {
        "rule_id": str(rule.id),
        "rule": name,
        "group": saying.fingerprint,
        "said": verdict.said,
        "at": verdict.at.isoformat(),
        "since": verdict.since and verdict.since.isoformat(),
        "count": verdict.count,
        "within_seconds": rule.within and rule.within.total_seconds(),
        "project": line.get("project") or rule.project,
        "module": line.get("module") or rule.module,
        "line": verdict.line,
    }
