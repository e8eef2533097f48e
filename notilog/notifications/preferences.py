"""Preferences: how each person wishes to be told, and what a change of them does to what waits."""

from datetime import datetime, time, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import clock, jobs
from notilog.errors import FieldError, Forbidden, Invalid
from notilog.instants import Instant
from notilog.notifications.channels import CHANNELS
from notilog.notifications.deliveries import SEND
from notilog.notifications.stored_wishes import wishes_of
from notilog.notifications.tables import DeliveryRow, PreferencesRow
from notilog.notifications.wishes import Severity, asked_for, held_until, severity_of
from notilog.users import accounts
from notilog.users.caller import Caller
from notilog.users.contacts import TimeOfDay
from notilog.users.tables import UserRow

DAY_MINUTES = 24 * 60
LONGEST_MUTE = timedelta(days=3650)


class QuietHours(BaseModel):
    """From when to when nothing but what is critical is sent; may pass midnight."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    begin: TimeOfDay = Field(alias="from", examples=["22:00"])
    end: TimeOfDay = Field(alias="to", examples=["07:30"])

    @model_validator(mode="after")
    def _has_a_length(self) -> "QuietHours":
        if self.begin == self.end:
            raise ValueError("from and to must differ; to be left alone all day, mute")
        return self


Channels = Annotated[list[str], Field(max_length=len(CHANNELS))]


class PreferencesChange(BaseModel):
    """What to change: only the fields that are given; null takes a wish back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: dict[Severity, Channels] | None = Field(
        None, description="instead of the channel that was asked for, by severity"
    )
    quiet_hours: QuietHours | None = Field(None, description="on the clocks of your time zone")
    digest_minutes: int | None = Field(
        None, ge=0, le=DAY_MINUTES, description="gather so long what is not urgent into one message"
    )
    muted_until: Instant | None = Field(None, description="hold everything but what is critical")


async def find(tx: AsyncSession, caller: Caller, *, login: str) -> tuple[UserRow, PreferencesRow]:
    """A person and their preferences; those who never said any have empty ones.

    Raises:
        NotFound: there is no such user.
        Forbidden: they are somebody else's.
    """
    if not (caller.is_admin or caller.login == login.lower()):
        raise Forbidden("preferences are seen and changed by the person and by administrators")
    person = await accounts.find(tx, login)
    row = await tx.get(PreferencesRow, person.id, populate_existing=True)
    return person, row or PreferencesRow(user_id=person.id, channels={}, digest_minutes=0)


async def change(
    tx: AsyncSession, caller: Caller, *, login: str, changes: PreferencesChange
) -> tuple[UserRow, PreferencesRow]:
    """Change a person's preferences; what waits is held, or let go, as they now wish.

    Raises:
        NotFound, Forbidden: see `find` and `check_may_change`.
        Invalid: a channel that does not exist or is named twice.
    """
    check_may_change(caller)
    _check_channels(changes)
    if changes.muted_until is not None and changes.muted_until > clock.now() + LONGEST_MUTE:
        raise Invalid.field("muted_until", "must be within ten years")
    person, _ = await find(tx, caller, login=login)
    await _store(tx, person.id, _columns(changes))
    return await find(tx, caller, login=login)


async def mute(tx: AsyncSession, user_id: UUID, *, until: datetime | None) -> None:
    """Hold everything for this person until then, or let go what was held."""
    await _store(tx, user_id, {"muted_until": until})


def check_may_change(caller: Caller) -> None:
    """Refuse a program that is not an administrator's.

    Raises:
        Forbidden: who found a narrow token shall not keep messages from its owner.
    """
    if not (caller.in_person or caller.is_admin):
        raise Forbidden("preferences are changed by signing in, not with a token")


def _check_channels(changes: PreferencesChange) -> None:
    errors: list[FieldError] = []
    for severity, names in (changes.channels or {}).items():
        for number, name in enumerate(names):
            field = f"channels.{severity}.{number}"
            if name not in CHANNELS:
                errors.append(FieldError(field, f"must be one of {', '.join(sorted(CHANNELS))}"))
            elif name in names[:number]:
                errors.append(FieldError(field, "stands here twice"))
    if errors:
        raise Invalid(errors)


def _columns(changes: PreferencesChange) -> dict[str, Any]:
    given = changes.model_fields_set
    columns: dict[str, Any] = {}
    if "channels" in given:
        columns["channels"] = dict(changes.channels or {})
    if "quiet_hours" in given:
        hours = changes.quiet_hours
        columns["quiet_from"] = hours and time.fromisoformat(hours.begin)
        columns["quiet_to"] = hours and time.fromisoformat(hours.end)
    if "digest_minutes" in given:
        columns["digest_minutes"] = changes.digest_minutes or 0
    if "muted_until" in given:
        columns["muted_until"] = changes.muted_until
    return columns


async def _store(tx: AsyncSession, user_id: UUID, columns: dict[str, Any]) -> None:
    statement = insert(PreferencesRow).values(user_id=user_id, **columns)
    if columns:
        statement = statement.on_conflict_do_update(
            index_elements=[PreferencesRow.user_id], set_=columns
        )
    else:
        statement = statement.on_conflict_do_nothing()
    await tx.execute(statement)
    await hold_anew(tx, user_id)


async def hold_anew(tx: AsyncSession, user_id: UUID) -> None:
    """Hold what waits for this person as long as they wish now, and not what they do not."""
    wishes = (await wishes_of(tx, [user_id])).get(user_id)
    if wishes is None:
        return
    waiting = await tx.scalars(
        select(DeliveryRow)
        .where(
            DeliveryRow.user_id == user_id,
            DeliveryRow.status == "pending",
        )
        .order_by(DeliveryRow.id)
        .with_for_update()
    )
    for row in waiting:
        if asked_for(row.kind):
            continue
        severity = severity_of(row.priority)
        held = held_until(row.due_at, wishes, severity=severity, starts_at=row.starts_at)
        if held != row.held_until:
            row.held_until, row.attempt_at = held, held or row.due_at
            jobs.wake(SEND, row.channel)
    await tx.flush()
