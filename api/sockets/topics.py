"""The topics that a socket may subscribe to: who may, what of it, and what is in a message."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec

from notilog.errors import Forbidden, Invalid
from notilog.logs import console
from notilog.logs.connectors import live
from notilog.logs.filters import Filters
from notilog.logs.matching import Pattern, check, matches
from notilog.logs.stored import StoredRecord
from notilog.realtime import events_queue
from notilog.realtime.messages import Part, Shape, Wants
from notilog.realtime.topics import Published
from notilog.users.caller import Caller, Scope

SHARED: Final = 1024
"""Filters of records that are remembered."""

Word = Annotated[str, msgspec.Meta(max_length=1000)]

OF_LOGS: Final = "ask GET /api/v1/logs for the records of the time between"
OF_DELIVERIES: Final = "ask GET /api/v1/deliveries for how they are now"
OF_OBSERVERS: Final = "ask GET /api/v1/observers for how they are now"
OF_AGENTS: Final = "ask GET /api/v1/agents for how they are now"
OF_USER: Final = "ask GET /api/v1/events for how they are now"


class LogFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As `notilog tail` has it: ``text`` is a regular expression of RE2, sought in the message."""

    project: Word | None = None
    module: Word | None = None
    min_level: Word | None = None
    text: Word | None = None


class NoFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a topic that is not filtered."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What there is to subscribe to.

    ``wants`` tells which parts of a message somebody gets, None for all of them; it raises Invalid
    and Forbidden. ``advice`` says where the messages are found that a socket has missed.
    """

    scope: Scope
    shape: Shape
    wants: Callable[[Caller, Mapping[str, Any]], Wants | None]
    advice: str

    def wanted(self, caller: Caller, narrowed: Mapping[str, Any]) -> Wants | None:
        """The parts that the caller gets.

        Raises:
            Forbidden: they may not see any.
            Invalid: the filter is not understood.
        """
        if not caller.may(self.scope):
            raise Forbidden(f"this topic needs the right {self.scope}")
        return self.wants(caller, narrowed)


def _records(published: Published) -> list[Part]:
    return [Part(record, console.as_json(record).encode()) for record in live.records_of(published)]


def _notices(published: Published) -> Sequence[Part]:
    return [Part(notice.to, bytes(notice.data)) for notice in events_queue.heard(published)]


def _of_logs(caller: Caller, narrowed: Mapping[str, Any]) -> Wants | None:
    asked = _filter(narrowed, LogFilter)
    project = asked.project
    if caller.project is not None:
        if project not in {None, caller.project}:
            raise Forbidden(f"this token is bound to the project {caller.project}")
        project = caller.project
    return _wanting(project, asked)


@lru_cache(SHARED)
def _wanting(project: str | None, asked: LogFilter) -> Wants | None:
    """One for all who ask for the same, so that a record is judged once for them."""
    pattern = _pattern(asked.text)
    filters = Filters(project=project, module=asked.module, min_level=asked.min_level)
    check(filters)
    if filters.are_none and pattern is None:
        return None

    def wants(record: StoredRecord) -> bool:
        return matches(filters, record) and (pattern is None or pattern.found_in(record.message))

    return wants


def _pattern(text: str | None) -> Pattern | None:
    try:
        return None if text is None else Pattern(text)
    except Invalid as error:
        raise Invalid.field("filter.text", error.errors[0].reason) from error


def _all_or_own(caller: Caller, narrowed: Mapping[str, Any]) -> Wants | None:
    return None if caller.is_admin and not narrowed else _own(caller, narrowed)


def _own(caller: Caller, narrowed: Mapping[str, Any]) -> Wants:
    _filter(narrowed, NoFilter)
    me = str(caller.user_id)
    return lambda to: me in to


def _all(_caller: Caller, narrowed: Mapping[str, Any]) -> None:
    _filter(narrowed, NoFilter)


def _filter(narrowed: Mapping[str, Any], kind: type[Any]) -> Any:
    try:
        return msgspec.convert(narrowed, kind)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        raise Invalid.field(f"filter{place.strip('`')}", reason) from error


TOPICS: Final[dict[str, Topic]] = {
    "logs": Topic("logs:read", Shape(live.TOPIC, _records), _of_logs, OF_LOGS),
    "observers": Topic("observers:admin", Shape("observers", _notices), _all, OF_OBSERVERS),
    "agents": Topic("admin", Shape("agents", _notices), _all, OF_AGENTS),
    "deliveries": Topic("events:read", Shape("deliveries", _notices), _all_or_own, OF_DELIVERIES),
    "user": Topic("events:read", Shape("user", _notices), _own, OF_USER),
}
