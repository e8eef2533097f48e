"""What an author writes down for an event, and the schedule that follows from it. Pure."""

from dataclasses import dataclass
from dataclasses import replace as replaced
from datetime import UTC, date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from notilog.calendar.occurrences import Schedule
from notilog.calendar.repeat import first_match
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.wall_clock import instant_of, local_of
from notilog.errors import FieldError, Invalid
from notilog.zones import zone_named

EARLIEST_YEAR = 1900
LATEST_YEAR = 2999

Visibility = Literal["public", "busy", "private"]
Moment = datetime | date
"""An aware instant, or the date of an all-day event."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A wish such as "15 minutes before, by e-mail"."""

    offset: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A new event; without a timezone it is in its author's."""

    name: str
    start_time: Moment
    end_time: Moment
    description: str = ""
    timezone: str | None = None
    all_day: bool = False
    visibility: Visibility = "public"
    busy: bool = True
    repetition: Repetition | None = None
    notifications: tuple[Notification, ...] = ()
    participants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What to change of an event; None leaves as it is, a repetition of "once" ends it."""

    name: str | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None
    description: str | None = None
    timezone: str | None = None
    all_day: bool | None = None
    visibility: Visibility | None = None
    busy: bool | None = None
    repetition: Repetition | Literal["once"] | None = None
    notifications: tuple[Notification, ...] | None = None
    participants: tuple[str, ...] | None = None


def schedule_of(
    start: Moment,
    end: Moment,
    *,
    timezone: str,
    all_day: bool,
    repetition: Repetition | None = None,
) -> Schedule:
    """The schedule of an event; a start that does not match its repetition moves to one that does.

    Raises:
        Invalid: an unknown zone, an end before the start, a year that is out of range, a date where
            a time is needed or, for an all-day event, a time that is not midnight in its zone; a
            repetition without any occurrence.
    """
    once = _once(start, end, timezone=timezone, all_day=all_day)
    return once if repetition is None else _repeated(once, repetition)


def _once(start: Moment, end: Moment, *, timezone: str, all_day: bool) -> Schedule:
    try:
        zone = zone_named(timezone)
    except ValueError as error:
        raise Invalid.field("timezone", str(error)) from error
    starts, ends = _moments({"start_time": start, "end_time": end}, zone, all_day=all_day)
    if all_day:
        if ends <= starts:
            raise Invalid.field("end_time", "must be a later day: the last one is not included")
        return Schedule(starts, zone, ends - starts, all_day, instant_of(starts, zone))
    if ends < starts:
        raise Invalid.field("end_time", "must not be before start_time")
    return Schedule(local_of(starts, zone), zone, ends - starts, all_day, starts)


def _repeated(once: Schedule, repetition: Repetition) -> Schedule:
    first = first_match(once.start_local, repetition)
    if first is None and repetition.due_date is not None:
        raise Invalid.field("repetition.due_date", "is before the first occurrence")
    if first is None or first.year > LATEST_YEAR:
        raise Invalid.field("repetition", f"has no occurrence before {LATEST_YEAR + 1}")
    starts_at = once.starts_at if first == once.start_local else instant_of(first, once.zone)
    return replaced(once, start_local=first, starts_at=starts_at, repetition=repetition)


def imported_schedule(
    start: Moment,
    end: Moment,
    *,
    timezone: str,
    all_day: bool,
    repetition: Repetition | None,
) -> Schedule:
    """The schedule of an imported event, whose start is kept even if its rule does not match it.

    Raises:
        Invalid: as `schedule_of`.
    """
    return replaced(_once(start, end, timezone=timezone, all_day=all_day), repetition=repetition)


def instant_in(moment: Moment, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, that is meant: of a date its midnight in the zone."""
    if isinstance(moment, datetime):
        return moment.astimezone(UTC)
    return instant_of(datetime.combine(moment, time()), zone)


def changed_schedule(schedule: Schedule, changes: Changes) -> Schedule:
    """The schedule after the changes; what they do not name stays, instants in another zone too.

    Raises:
        Invalid: as `schedule_of`.
    """
    all_day = schedule.all_day if changes.all_day is None else changes.all_day
    first = schedule.first
    start: Moment = first.start
    end: Moment = first.end
    if all_day and schedule.all_day:
        start = schedule.start_local.date()
        end = (schedule.start_local + schedule.duration).date()
    once = _once(
        start if changes.start_time is None else changes.start_time,
        end if changes.end_time is None else changes.end_time,
        timezone=changes.timezone or schedule.zone.key,
        all_day=all_day,
    )
    repetition = changes.repetition or schedule.repetition
    if repetition is None or repetition == "once":
        return once
    if repetition == schedule.repetition and once.start_local == schedule.start_local:
        return replaced(once, repetition=repetition)  # an imported start need not match its rule
    return _repeated(once, repetition)


def is_moved(before: Schedule, after: Schedule) -> bool:
    """Whether people must be asked again: the time is another one, not just its last day."""
    return before.first != after.first or _endless(before) != _endless(after)


def _endless(schedule: Schedule) -> Repetition | None:
    repetition = schedule.repetition
    return repetition and replaced(repetition, due_date=None)


def occurrence_of(
    schedule: Schedule, current: tuple[datetime, datetime], *, changes: Changes
) -> Schedule:
    """One occurrence by itself, as a schedule of its own, after the changes of its times.

    ``current`` are its start and end so far.

    Raises:
        Invalid: as `schedule_of`.
    """
    start: Moment
    end: Moment
    start, end = current
    if schedule.all_day:
        start, end = (local_of(moment, schedule.zone).date() for moment in current)
    return _once(
        start if changes.start_time is None else changes.start_time,
        end if changes.end_time is None else changes.end_time,
        timezone=schedule.zone.key,
        all_day=schedule.all_day,
    )


def _moments(fields: dict[str, Moment], zone: ZoneInfo, *, all_day: bool) -> list[datetime]:
    """Local midnights for an all-day event, instants for any other."""
    moments: list[datetime] = []
    errors: list[FieldError] = []
    for field, value in fields.items():
        try:
            moments.append(_midnight(value, zone) if all_day else _instant(value))
        except ValueError as error:
            errors.append(FieldError(field, str(error)))
    if errors:
        raise Invalid(errors)
    return moments


def _instant(value: Moment) -> datetime:
    _check_year(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    raise ValueError("must have a time and an offset, such as 2026-11-20T09:00:00+01:00")


def _midnight(value: Moment, zone: ZoneInfo) -> datetime:
    _check_year(value)
    day = local_of(value, zone).date() if isinstance(value, datetime) else value
    midnight = datetime.combine(day, time())
    if isinstance(value, datetime) and instant_of(midnight, zone) != value:
        raise ValueError("must be a date or midnight in the event's zone, since it is all-day")
    return midnight


def _check_year(value: Moment) -> None:
    if not EARLIEST_YEAR <= value.year <= LATEST_YEAR:
        raise ValueError(f"must be in the years {EARLIEST_YEAR} to {LATEST_YEAR}")
