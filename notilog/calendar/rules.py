"""The reminder rules of an event: "15 minutes before, by e-mail", and when each falls due next.

Whoever changes an event or a decision first holds its rules (`hold`), and a tick skips what is
held: so a tick decides either before the change, which then withdraws the deliveries, or after it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config, jobs
from notilog.calendar import offsets
from notilog.calendar.drafts import Notification
from notilog.calendar.occurrences import Fire
from notilog.calendar.offsets import Offset
from notilog.calendar.overrides import series_of
from notilog.calendar.reminders import RemindersSettings
from notilog.calendar.tables import EventRow, ReminderRow
from notilog.errors import FieldError, Invalid
from notilog.notifications import deliveries
from notilog.notifications.channels import CHANNELS
from notilog.notifications.tables import DeliveryRow

TICK = "reminders.tick"


@dataclass(frozen=True, slots=True)
class Rule:
    """A checked `Notification`."""

    offset: Offset
    channel: str


def rules_of(notifications: Sequence[Notification]) -> list[Rule]:
    """The reminder rules that are wished for.

    Raises:
        Invalid: an offset or a channel that does not exist, or one wish twice.
    """
    rules: list[Rule] = []
    errors: list[FieldError] = []
    for number, wish in enumerate(notifications):
        try:
            rule = Rule(offsets.parse(wish.offset), wish.channel)
        except ValueError as error:
            errors.append(FieldError(f"notifications.{number}.offset", str(error)))
            continue
        if wish.channel not in CHANNELS:
            known = ", ".join(sorted(CHANNELS))
            errors.append(FieldError(f"notifications.{number}.channel", f"must be one of {known}"))
        if rule in rules:
            errors.append(FieldError(f"notifications.{number}", "stands here twice"))
        rules.append(rule)
    if errors:
        raise Invalid(errors)
    return rules


async def hold(tx: AsyncSession, event_id: UUID) -> list[ReminderRow]:
    """The rules of an event, kept from every tick until this transaction ends."""
    statement = (
        select(ReminderRow)
        .where(ReminderRow.event_id == event_id)
        .order_by(ReminderRow.id)
        .with_for_update()
    )
    return list(await tx.scalars(statement))


async def plan(
    tx: AsyncSession, event: EventRow, *, rules: Iterable[Rule], since: datetime, now: datetime
) -> None:
    """Give an event these rules; an instant before ``since`` is not made up for."""
    series = await series_of(tx, event, since=since)
    for rule in rules:
        row = ReminderRow(event_id=event.id, before=rule.offset.text, channel=rule.channel)
        _set(row, series.next_fire(rule.offset, since=since))
        tx.add(row)
        _wake_if_near(row, now)
    await tx.flush()


async def replan(
    tx: AsyncSession,
    event: EventRow,
    *,
    held: Sequence[ReminderRow],
    waiting: Mapping[tuple[str, str], datetime] | None,
    now: datetime,
) -> None:
    """Let the next tick decide again whatever was not sent yet.

    Deciding twice is harmless, so a rule goes back to its earliest unsent instant (``waiting``,
    from `unsent`), and what is due and not yet claimed stays due. Without ``waiting``, as when the
    start has moved, only instants to come count.
    """
    since = dict.fromkeys(held, now)
    if waiting is not None:
        for row in held:
            earliest = waiting.get((row.before, row.channel), now)
            since[row] = min(now, row.next_fire_at or now, earliest)
    series = await series_of(tx, event, since=min(since.values(), default=now))
    for row in held:
        _set(row, series.next_fire(offsets.parse(row.before), since=since[row]))
        _wake_if_near(row, now)
    await tx.flush()


async def decide_anew(
    tx: AsyncSession,
    event: EventRow,
    *,
    now: datetime,
    user_id: UUID | None = None,
    occurrence: datetime | None = None,
    on_the_way: bool = True,
) -> None:
    """Take back what was not sent yet, of a person or an occurrence, and let it be decided again.

    What is ``on_the_way`` stays when it is still meant.
    """
    held = await hold(tx, event.id)
    waiting = await unsent(tx, event.id)
    await deliveries.withdraw(
        tx, event.id, user_id=user_id, occurrence=occurrence, on_the_way=on_the_way
    )
    await replan(tx, event, held=held, waiting=waiting, now=now)


async def unsent(tx: AsyncSession, event_id: UUID) -> dict[tuple[str, str], datetime]:
    """For each offset and channel the earliest instant of a reminder that waits to be sent."""
    statement = (
        select(DeliveryRow.before, DeliveryRow.channel, func.min(DeliveryRow.due_at))
        .where(
            DeliveryRow.event_id == event_id,
            DeliveryRow.kind == deliveries.REMINDER,
            DeliveryRow.status.in_(("pending", "sending")),
        )
        .group_by(DeliveryRow.before, DeliveryRow.channel)
    )
    rows = await tx.execute(statement)
    return {(before, channel): due_at for before, channel, due_at in rows if before is not None}


async def replace(
    tx: AsyncSession,
    event: EventRow,
    *,
    held: Iterable[ReminderRow],
    rules: Iterable[Rule],
    now: datetime,
) -> list[ReminderRow]:
    """Give an event these rules instead of those it has, and return the ones that stay."""
    new = {(rule.offset.text, rule.channel): rule for rule in rules}
    kept: list[ReminderRow] = []
    gone: list[ReminderRow] = []
    for row in held:
        (kept if new.pop((row.before, row.channel), None) else gone).append(row)
    if gone:
        await tx.execute(delete(ReminderRow).where(ReminderRow.id.in_([row.id for row in gone])))
    if new:
        await plan(tx, event, rules=new.values(), since=now, now=now)
    return kept


async def silence(tx: AsyncSession, held: Iterable[ReminderRow]) -> None:
    """Let nothing fall due any more."""
    for row in held:
        _set(row, None)
    await tx.flush()


def _set(row: ReminderRow, fire: Fire | None) -> None:
    row.next_occurrence_start = fire.occurrence_start if fire else None
    row.next_fire_at = fire.at if fire else None


def _wake_if_near(row: ReminderRow, now: datetime) -> None:
    """Do not wait for beat when the instant may come before its next tick."""
    horizon = timedelta(seconds=config.section(RemindersSettings).horizon)
    if row.next_fire_at is not None and row.next_fire_at <= now + horizon:
        jobs.wake(TICK)
