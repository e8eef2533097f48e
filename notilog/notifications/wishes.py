"""What a person wishes about being told of things, applied to one delivery. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Severity = Literal["critical", "normal", "low"]

CRITICAL, SERIOUS, MINOR, NEAR, NORMAL, LOW = 1, 2, 3, 4, 5, 6
"""Priorities of deliveries, the most urgent first: incidents by their severity, reminders of what
begins within the hour, other reminders, and news of events."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def severity_of(priority: int) -> Severity:
    if priority <= CRITICAL:
        return "critical"
    return "low" if priority >= LOW else "normal"


def asked_for(kind: str) -> bool:
    """Whether the person pressed a button for it, and wants it there and then."""
    return kind in {"snooze", "test"}


@dataclass(frozen=True, slots=True)
class Wishes:
    """One person's wishes; ``channels`` by severity, ``quiet`` hours on the clocks of ``zone``."""

    zone: ZoneInfo
    channels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    quiet: tuple[time, time] | None = None
    digest: timedelta = timedelta(0)
    muted_until: datetime | None = None

    def channels_for(self, severity: Severity, asked: str) -> tuple[str, ...]:
        """Where it goes; ``asked`` is the channel that the author of the event wanted."""
        return self.channels.get(severity) or (asked,)


def held_until(
    due_at: datetime, wishes: Wishes, *, severity: Severity, starts_at: datetime | None
) -> datetime | None:
    """When it may leave, if not at its due instant; what is critical is never held.

    A digest does not hold a reminder until its event has begun, but quiet hours do: who sleeps is
    not woken.
    """
    if severity == "critical":
        return None
    window_end = _end_of_window(due_at, wishes.digest)
    joins_digest = bool(wishes.digest) and (starts_at is None or window_end < starts_at)
    at = window_end if joins_digest else due_at
    if wishes.muted_until is not None:
        at = max(at, wishes.muted_until)
    if wishes.quiet is not None:
        at = _after_quiet(at, *wishes.quiet, zone=wishes.zone)
    return at if joins_digest or at > due_at else None


def _end_of_window(at: datetime, length: timedelta) -> datetime:
    """Windows stand end to end since the epoch, so that everybody computes the same ones."""
    return at + (EPOCH - at) % length if length else at


def _after_quiet(at: datetime, begin: time, end: time, *, zone: ZoneInfo) -> datetime:
    try:
        local = at.astimezone(zone)
    except OverflowError:  # at the end of the calendar nobody sleeps
        return at
    now = local.time()
    passes_midnight = begin > end
    is_quiet = (now >= begin or now < end) if passes_midnight else begin <= now < end
    if not is_quiet:
        return at
    try:
        day = local.date() + timedelta(days=1 if passes_midnight and now >= begin else 0)
        return max(at, datetime.combine(day, end, zone).astimezone(UTC))
    except OverflowError:
        return at
