"""What was read from a calendar file. Pure."""

from dataclasses import dataclass
from datetime import datetime

from notilog.calendar.drafts import Moment, Visibility
from notilog.calendar.repeat.repetition import Repetition


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedOverride:
    """One occurrence that is not as the series says, or all from that one on.

    ``original_start`` names the occurrence and is an instant in UTC, local midnight for an all-day
    series; ``start`` and ``end`` are dates when the override is all-day.
    """

    original_start: datetime
    this_and_following: bool = False
    cancelled: bool = False
    start: Moment
    end: Moment
    name: str
    description: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedEvent:
    """One event or series.

    Instants are in UTC. An all-day event has dates, the end is not included; instants that name
    its occurrences are the midnights in its timezone.

    Attributes:
        timezone: the key of a zone of the IANA database.
        busy: whether the time is taken.
        excluded: starts of occurrences that do not happen, in order.
        added: starts and ends of occurrences beyond the repetition, in order.
        notifications: offsets of reminders, such as ``15m``.
        attendees: the address and the PARTSTAT of each.
        organizer: an address, or empty.
        raw: the VEVENT, its lines unfolded, for what no attribute expresses.
    """

    uid: str
    sequence: int = 0
    name: str
    description: str = ""
    location: str = ""
    start: Moment
    end: Moment
    timezone: str
    all_day: bool = False
    visibility: Visibility = "public"
    busy: bool = True
    cancelled: bool = False
    repetition: Repetition | None = None
    excluded: tuple[datetime, ...] = ()
    added: tuple[tuple[Moment, Moment], ...] = ()
    overrides: tuple[ImportedOverride, ...] = ()
    notifications: tuple[str, ...] = ()
    attendees: tuple[tuple[str, str], ...] = ()
    organizer: str = ""
    raw: str = ""
