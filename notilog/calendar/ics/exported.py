"""What is written into a calendar file. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime

from notilog.calendar.drafts import Moment, Visibility
from notilog.calendar.repeat.repetition import Repetition


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an e-mail address."""

    email: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody who was asked, and what they answered."""

    person: Person
    partstat: str = "NEEDS-ACTION"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedOverride:
    """One occurrence that is not as the series says, or all from that one on."""

    original_start: datetime
    this_and_following: bool = False
    cancelled: bool = False
    start: Moment
    end: Moment
    name: str
    description: str = ""
    raw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedEvent:
    """One event or series; times are as in `ImportedEvent`.

    Attributes:
        sequence: grows with each change that attendees are told of.
        visibility: None says nothing about it.
        added: starts and ends of occurrences beyond the repetition. The caller names here those of
            a ``workday`` repetition of every second or rarer day, as far as the file should reach:
            no rule can say them.
        left_out: addresses of attendees in ``raw`` that are not asked any more.
        alarms: offsets before the start.
        raw: what was imported, for what no other attribute expresses.
    """

    uid: str
    sequence: int = 0
    created: datetime | None = None
    updated: datetime
    name: str
    description: str = ""
    start: Moment
    end: Moment
    timezone: str
    all_day: bool = False
    visibility: Visibility | None = "public"
    busy: bool = True
    cancelled: bool = False
    repetition: Repetition | None = None
    excluded: tuple[datetime, ...] = ()
    added: tuple[tuple[Moment, Moment], ...] = ()
    overrides: tuple[ExportedOverride, ...] = ()
    author: Person | None = None
    participants: tuple[Attendee, ...] = ()
    left_out: frozenset[str] = frozenset()
    alarms: tuple[str, ...] = ()
    url: str = ""
    raw: str | None = None


def busy_only(event: ExportedEvent, *, uid: str, name: str) -> ExportedEvent:
    """What strangers may know: when the time is taken.

    ``uid`` must not lead to the event's own; ``name`` is "Busy" in the reader's language.
    """
    return replace(
        event,
        uid=uid,
        created=None,
        name=name,
        description="",
        visibility=None,
        overrides=tuple(
            replace(override, name=name, description="", raw=None) for override in event.overrides
        ),
        author=None,
        participants=(),
        left_out=frozenset(),
        alarms=(),
        url="",
        raw=None,
    )
