"""Changing or cancelling one occurrence of a series; all the others stay as they are."""

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from notilog.calendar import overrides, participation, rules, tidings
from notilog.calendar.drafts import Changes, occurrence_of
from notilog.calendar.events import apply, cancel, check_version, touch
from notilog.calendar.series import Happening
from notilog.calendar.tables import EventRow, OverrideRow
from notilog.calendar.visibility import look_up_own
from notilog.errors import FieldError, Invalid
from notilog.users.caller import Caller

CHANGEABLE = ("name", "description", "start_time", "end_time")


async def change_occurrence(
    tx: AsyncSession,
    caller: Caller,
    *,
    event_id: UUID,
    original_start: datetime,
    changes: Changes,
    expected: Collection[int] | None,
    now: datetime,
) -> tuple[EventRow, datetime]:
    """Give one occurrence another name, description or time; when it moves, people are asked again.

    Returns:
        The event, and the original start by which it has the occurrence from now on: another one
        only when the event does not repeat.

    Raises:
        NotFound: no such event or occurrence, or the caller may not know of it.
        Forbidden, Stale: as `events.change`.
        Invalid: naming each field that is wrong, or that only a whole series has.
    """
    event = await look_up_own(tx, caller, event_id=event_id)
    check_version(event, expected)
    _check_changeable(changes)
    happening = await overrides.occurrence(tx, event, original_start=original_start)
    if event.repeat_type is None and happening.override is None:
        await apply(tx, event, changes, now=now)
        return event, event.starts_at
    row = await overrides.held(tx, event, happening)
    is_moved = _write(row, event, happening, changes=changes)
    touch(event, now=now)
    await tx.flush()
    if is_moved:
        await participation.ask_again_about(tx, event, original_start=original_start)
    await rules.decide_anew(tx, event, occurrence=original_start, on_the_way=is_moved, now=now)
    coming = await participation.coming(tx, event, original_start=original_start)
    changed = await overrides.occurrence(tx, event, original_start=original_start)
    await tidings.tell(tx, event, {"update": coming}, occurrence=changed, now=now)
    return event, original_start


async def cancel_occurrence(
    tx: AsyncSession,
    caller: Caller,
    *,
    event_id: UUID,
    original_start: datetime,
    expected: Collection[int] | None,
    now: datetime,
) -> None:
    """Cancel one occurrence; nobody is reminded of it any more.

    Raises:
        NotFound, Forbidden, Stale: as `change_occurrence`.
    """
    event = await look_up_own(tx, caller, event_id=event_id)
    happening = await overrides.occurrence(tx, event, original_start=original_start)
    if event.repeat_type is None and happening.override is None:
        await cancel(tx, caller, event_id=event_id, expected=expected, now=now)
        return
    check_version(event, expected)
    coming = await participation.coming(tx, event, original_start=original_start)
    (await overrides.held(tx, event, happening)).cancelled = True
    touch(event, now=now)
    await tx.flush()
    await rules.decide_anew(tx, event, occurrence=original_start, now=now)
    await tidings.tell(tx, event, {"cancellation": coming}, occurrence=happening, now=now)


def _check_changeable(changes: Changes) -> None:
    errors = [
        FieldError(field.name, "can be changed only for all, or for this and following ones")
        for field in fields(Changes)
        if field.name not in CHANGEABLE and getattr(changes, field.name) is not None
    ]
    if errors:
        raise Invalid(errors)


def _write(row: OverrideRow, event: EventRow, happening: Happening, *, changes: Changes) -> bool:
    """Write the changes down, and say whether the occurrence takes place at another time."""
    for name in ("name", "description"):
        value = getattr(changes, name)
        if value is not None:
            setattr(row, name, value)
    alone = occurrence_of(event.schedule, (happening.start, happening.end), changes=changes).first
    is_moved = (alone.start, alone.end) != (happening.start, happening.end)
    if is_moved:
        row.moved = True
        overrides.place(row, event.schedule, alone.start, alone.end)
    return is_moved
