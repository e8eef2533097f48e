"""A rule as somebody writes it down, checked and compiled. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import re2

from notilog.errors import FieldError, Invalid
from notilog.logs import levels
from notilog.logs.alerts.matching import ATTRIBUTE, FIELDS, Kind, Rule, text_of

UNSAVED: Final = UUID(int=0)
LARGEST_PATTERN: Final = 1000
"""Steps of a compiled pattern; what takes a tenth of them is unusual."""
_PATTERN_MEMORY: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """What a rule says, in the words of whoever wrote it; see `notilog.logs.alerts.matching.Rule`.

    ``pattern`` is a regular expression of RE2; levels are names or numbers.
    """

    name: str
    kind: Kind = "match"
    enabled: bool = True
    project: str | None = None
    module: str | None = None
    level: str | int | None = None
    min_level: str | int | None = None
    pattern: str | None = None
    attrs: Mapping[str, Any] | None = None
    count: int = 1
    within_seconds: int | None = None
    group_by: Sequence[str] | None = None
    cooldown_seconds: int = 300
    incident: bool = False


def rule_of(draft: RuleDraft, *, rule_id: UUID = UNSAVED, version: int = 0) -> Rule:
    """The rule, ready to be used.

    Raises:
        Invalid: naming each field that is wrong.
    """
    errors: list[FieldError] = []
    rule = Rule(
        id=rule_id,
        version=version,
        kind=draft.kind,
        project=draft.project,
        module=draft.module,
        level=_level("level", draft.level, errors),
        min_level=_level("min_level", draft.min_level, errors),
        pattern=_compiled(draft.pattern, errors),
        attrs=tuple((name, text_of(value)) for name, value in sorted((draft.attrs or {}).items())),
        count=draft.count,
        within=_within(draft, errors),
        group_by=_groups(draft.group_by, errors),
        cooldown=timedelta(seconds=draft.cooldown_seconds),
        incident=draft.incident,
    )
    if errors:
        raise Invalid(errors)
    return rule


def _level(field: str, value: str | int | None, errors: list[FieldError]) -> int | None:
    if value is None:
        return None
    try:
        return levels.number_of(value)
    except ValueError as error:
        errors.append(FieldError(field, str(error)))
        return None


def _compiled(pattern: str | None, errors: list[FieldError]) -> Any:
    """Compiled by RE2, whose searches take time in proportion to the text, whatever the pattern."""
    if not pattern:
        return None
    options = re2.Options()
    options.max_mem = _PATTERN_MEMORY
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        errors.append(FieldError("pattern", f"is not a regular expression of RE2: {_said(error)}"))
        return None
    if compiled.programsize > LARGEST_PATTERN:
        reason = f"is too large: {compiled.programsize} steps, at most {LARGEST_PATTERN}"
        errors.append(FieldError("pattern", reason))
    return compiled


def _said(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


def _within(draft: RuleDraft, errors: list[FieldError]) -> timedelta | None:
    if draft.within_seconds is not None:
        return timedelta(seconds=draft.within_seconds)
    if draft.kind == "absence":
        errors.append(FieldError("within_seconds", "is required: how long to wait for matches"))
    elif draft.count > 1:
        errors.append(FieldError("within_seconds", "is required when count is more than 1"))
    return None


def _groups(names: Sequence[str] | None, errors: list[FieldError]) -> tuple[str, ...] | None:
    if names is None:
        return None
    for number, name in enumerate(names):
        if name not in FIELDS and not (name.startswith(ATTRIBUTE) and name != ATTRIBUTE):
            known = f"must be attrs.KEY or one of {', '.join(FIELDS)}"
            errors.append(FieldError(f"group_by.{number}", known))
        elif name in names[:number]:
            errors.append(FieldError(f"group_by.{number}", "stands here twice"))
    return tuple(names)
