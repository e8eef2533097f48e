"""The topics that a socket may subscribe to: who may, what of it, and what is in a message."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec

from notilog import clock
from notilog.errors import Forbidden, Invalid
from notilog.logs import console
from notilog.logs.catching_up import is_recent, stored_since
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

Stored = AsyncIterator[Sequence[Part]]
Word = Annotated[str, msgspec.Meta(max_length=1000)]

OF_LOGS: Final = "ask GET /api/v1/logs for the records of the time between"
OF_INCIDENTS: Final = "ask GET /api/v1/incidents for how they are now"
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


class OfIncident(msgspec.Struct, frozen=True):
    """What decides who hears of an incident."""

    project: str | None = None


_of_incident: Final = msgspec.json.Decoder(OfIncident)


@dataclass(frozen=True, slots=True)
class Topic:
    """What there is to subscribe to.

    ``wants`` tells which parts of a message somebody gets, None for all of them; it raises Invalid
    and Forbidden. ``advice`` says where the messages are found that a socket has missed. ``stored``
    finds what the stream has not any more, since an instant, in the order of its time.
    """

    scope: Scope
    shape: Shape
    wants: Callable[[Caller, Mapping[str, Any]], Wants | None]
    advice: str
    stored: Callable[[Caller, Mapping[str, Any], datetime], Stored | None] | None = None

    def wanted(self, caller: Caller, narrowed: Mapping[str, Any]) -> Wants | None:
        """The parts that the caller gets.

        Raises:
            Forbidden: they may not see any.
            Invalid: the filter is not understood.
        """
        if not caller.may(self.scope):
            raise Forbidden(f"this topic needs the right {self.scope}")
        return self.wants(caller, narrowed)


def _stored_logs(caller: Caller, narrowed: Mapping[str, Any], since: datetime) -> Stored | None:
    """What is stored since then; None when that is too long ago."""
    now = clock.now()
    if not is_recent(since, now):
        return None
    asked, project = _log_filter(caller, narrowed)
    found = stored_since(
        caller, _filters(project, asked), _pattern(asked.text), since=since, until=now
    )
    return _parts(found)


async def _parts(found: AsyncIterator[list[StoredRecord]]) -> Stored:
    async for records in found:
        yield [_part(record) for record in records]


def _part(record: StoredRecord) -> Part:
    return Part(record, console.as_json(record).encode())


def _records(published: Published) -> list[Part]:
    return [_part(record) for record in live.records_of(published)]


def _notices(published: Published) -> Sequence[Part]:
    return [Part(notice.to, bytes(notice.data)) for notice in events_queue.heard(published)]


def _incidents(published: Published) -> Sequence[Part]:
    return [
        Part((notice.to, _of_incident.decode(notice.data).project), bytes(notice.data))
        for notice in events_queue.heard(published)
    ]


def _of_logs(caller: Caller, narrowed: Mapping[str, Any]) -> Wants | None:
    asked, project = _log_filter(caller, narrowed)
    return _wanting(project, asked)


def _log_filter(caller: Caller, narrowed: Mapping[str, Any]) -> tuple[LogFilter, str | None]:
    """What is asked for, and the project of which it is all."""
    asked: LogFilter = _filter(narrowed, LogFilter)
    if caller.project is None:
        return asked, asked.project
    if asked.project not in {None, caller.project}:
        raise Forbidden(f"this token is bound to the project {caller.project}")
    return asked, caller.project


@lru_cache(SHARED)
def _wanting(project: str | None, asked: LogFilter) -> Wants | None:
    """One for all who ask for the same, so that a record is judged once for them."""
    pattern = _pattern(asked.text)
    filters = _filters(project, asked)
    check(filters)
    if filters.are_none and pattern is None:
        return None

    def wants(record: StoredRecord) -> bool:
        return matches(filters, record) and (pattern is None or pattern.found_in(record.message))

    return wants


def _filters(project: str | None, asked: LogFilter) -> Filters:
    return Filters(project=project, module=asked.module, min_level=asked.min_level)


def _pattern(text: str | None) -> Pattern | None:
    try:
        return None if text is None else Pattern(text)
    except Invalid as error:
        raise Invalid.field("filter.text", error.errors[0].reason) from error


def _all_or_own(caller: Caller, narrowed: Mapping[str, Any]) -> Wants | None:
    return None if caller.is_admin and not narrowed else _own(caller, narrowed)


def _of_incidents(caller: Caller, narrowed: Mapping[str, Any]) -> Wants | None:
    _filter(narrowed, NoFilter)
    me, bound_to = None if caller.is_admin else str(caller.user_id), caller.project
    if me is None and bound_to is None:
        return None

    def wants(facts: tuple[frozenset[str], str | None]) -> bool:
        concerned, project = facts
        return (me is None or me in concerned) and bound_to in {None, project}

    return wants


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
    "logs": Topic("logs:read", Shape(live.TOPIC, _records), _of_logs, OF_LOGS, _stored_logs),
    "incidents": Topic(
        "incidents:read", Shape("incidents", _incidents), _of_incidents, OF_INCIDENTS
    ),
    "observers": Topic("observers:admin", Shape("observers", _notices), _all, OF_OBSERVERS),
    "agents": Topic("admin", Shape("agents", _notices), _all, OF_AGENTS),
    "deliveries": Topic("events:read", Shape("deliveries", _notices), _all_or_own, OF_DELIVERIES),
    "user": Topic("events:read", Shape("user", _notices), _own, OF_USER),
}
