"""What a rule of alerts looks for, and how what it finds is told apart. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Literal, Protocol
from uuid import UUID

import msgspec

Kind = Literal["match", "absence"]
FIELDS: Final = (
    *("project", "module", "level", "message", "host", "service", "environment", "logger"),
    *("trace_id", "span_id", "request_id"),
)
"""Fields of a record that its group may depend on; any ``attrs.KEY`` besides."""
ATTRIBUTE: Final = "attrs."
LONGEST_FINGERPRINT: Final = 200
LONGEST_EXCERPT: Final = 1500
_COMPARED: Final = 500
_SEPARATOR: Final = " | "
# A word that has a digit in it is a number or an id; of a UUID not every part has one.
_VARYING: Final = re.compile(
    r"(?<![0-9A-Za-z_])(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[A-Za-z_]*\d\w*)"
)
_CONTROLS: Final = {
    code: "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"
}
_json: Final = msgspec.json.Encoder().encode


class Searched(Protocol):
    """A compiled pattern."""

    def search(self, text: str, /) -> object | None: ...


class Record(Protocol):
    """A record as far as rules look at it; see `notilog.logs.stored.StoredRecord`."""

    @property
    def id(self) -> UUID: ...
    @property
    def ts(self) -> datetime: ...
    @property
    def level(self) -> int: ...
    @property
    def project(self) -> str: ...
    @property
    def module(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def host(self) -> str | None: ...
    @property
    def service(self) -> str | None: ...
    @property
    def attrs(self) -> dict[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class Rule:
    """What to look for, and when that is worth a message; None does not narrow.

    ``count`` matches ``within`` a time are one event of the kind ``match``, fewer of them are one
    of the kind ``absence``. Records are counted by group: ``group_by`` names fields and
    ``attrs.KEY``; None tells apart projects, modules and messages that differ in more than numbers.
    ``incident``: what it says of a group needs somebody who acts.
    """

    id: UUID
    version: int
    kind: Kind
    project: str | None
    module: str | None
    level: int | None
    min_level: int | None
    pattern: Searched | None
    attrs: tuple[tuple[str, str], ...]
    count: int
    within: timedelta | None
    group_by: tuple[str, ...] | None
    cooldown: timedelta
    incident: bool


def concerns(rule: Rule, *, level: int, project: str, module: str) -> bool:
    """Whether records of this origin can match at all."""
    return (
        (rule.project is None or rule.project == project)
        and (rule.module is None or rule.module == module)
        and (rule.level is None or rule.level == level)
        and (rule.min_level is None or rule.min_level <= level)
    )


def says(rule: Rule, record: Record) -> bool:
    """Whether the rest of a record that `concerns` the rule is what it looks for."""
    if rule.attrs:
        attrs = record.attrs or {}
        if any(name not in attrs or text_of(attrs[name]) != text for name, text in rule.attrs):
            return False
    return rule.pattern is None or rule.pattern.search(record.message) is not None


def matches(rule: Rule, record: Record) -> bool:
    """Whether the rule looks for this record."""
    return concerns(
        rule, level=record.level, project=record.project, module=record.module
    ) and says(rule, record)


def fingerprint(rule: Rule, record: Record) -> str:
    """The group of a record, in at most `LONGEST_FINGERPRINT` characters."""
    if rule.group_by is not None:
        whole = _SEPARATOR.join(_value(record, name) for name in rule.group_by)
    elif rule.kind == "absence":
        return ""
    else:
        whole = _SEPARATOR.join((record.project, record.module, masked(record.message)))
    if len(whole) <= LONGEST_FINGERPRINT:
        return whole
    digest = sha256(whole.encode()).hexdigest()[:32]
    return f"{whole[: LONGEST_FINGERPRINT - len(digest) - 1]}…{digest}"


def masked(message: str) -> str:
    """The beginning of a message, without what differs from one to the next of its kind."""
    return _VARYING.sub("#", message[:_COMPARED])


def excerpt(record: Record) -> dict[str, Any]:
    """What a message tells of a record: bounded, and without control characters."""
    text = record.message
    shown = text if len(text) <= LONGEST_EXCERPT else f"{text[: LONGEST_EXCERPT - 1]}…"
    return {
        "id": str(record.id),
        "ts": record.ts.isoformat(),
        "level": record.level,
        "project": record.project,
        "module": record.module,
        "message": shown.translate(_CONTROLS),
        "host": record.host,
        "service": record.service,
    }


def text_of(value: object) -> str:
    """An attribute as the search compares it: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else _json(value).decode()


def _value(record: Record, name: str) -> str:
    if not name.startswith(ATTRIBUTE):
        return text_of(getattr(record, name) or "")
    attrs: Mapping[str, Any] = record.attrs or {}
    return text_of(attrs.get(name.removeprefix(ATTRIBUTE), ""))
