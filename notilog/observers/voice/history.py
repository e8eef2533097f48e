"""Actions and sessions as they were recorded, newest first, in pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from notilog import cursors
from notilog.observers.voice.answering import answer, check_observer
from notilog.observers.voice.tables import (
    VoiceActionRow,
    VoiceChannelRow,
    VoiceGuildRow,
    VoiceMemberRow,
    VoiceSessionRow,
)

_Before: Final = aliased(VoiceChannelRow)
_After: Final = aliased(VoiceChannelRow)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which are asked for; None is every one. Sessions are of a time when they touch it."""

    guild: int | None = None
    channel: int | None = None
    member: int | None = None
    since: datetime | None = None
    """The first instant, included."""
    until: datetime | None = None
    """The last instant, excluded."""


@dataclass(frozen=True, slots=True)
class Named:
    """An action or a session with the names of what it is about, as far as they are known."""

    row: Any
    member_name: str | None
    channel_name: str | None
    """Of a session its channel, of an action the one it led to."""
    guild_name: str | None
    before_channel_name: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A page, and the cursor behind which the next one begins."""

    items: Sequence[Named]
    next: str | None


async def actions(
    tx: AsyncSession,
    observer_id: UUID,
    *,
    filters: Filters,
    limit: int,
    cursor: str | None = None,
) -> Found:
    """A page of an observer's actions; those of a channel led to it, or away, or were done there.

    Raises:
        NotFound: there is no such observer.
        Invalid: the cursor is not understood, or it takes too long.
    """
    await check_observer(tx, observer_id)
    row = VoiceActionRow
    names = (_After.name, VoiceGuildRow.name, _Before.name)
    statement = (
        _with_names(select(row, VoiceMemberRow.display_name, *names), row)
        .outerjoin(_After, _is_channel(_After, row, row.after_channel_id))
        .outerjoin(_Before, _is_channel(_Before, row, row.before_channel_id))
        .where(row.observer_id == observer_id, *_of(row, filters))
    )
    if filters.channel is not None:
        places = (row.before_channel_id, row.after_channel_id)
        statement = statement.where(or_(*(place == filters.channel for place in places)))
    if filters.since is not None:
        statement = statement.where(row.at >= filters.since)
    if filters.until is not None:
        statement = statement.where(row.at < filters.until)
    return await _page(tx, statement, row.at, row.id, limit=limit, cursor=cursor)


async def sessions(
    tx: AsyncSession,
    observer_id: UUID,
    *,
    filters: Filters,
    limit: int,
    cursor: str | None = None,
) -> Found:
    """A page of an observer's sessions, those that began last first.

    Raises:
        NotFound: there is no such observer.
        Invalid: the cursor is not understood, or it takes too long.
    """
    await check_observer(tx, observer_id)
    row = VoiceSessionRow
    names = (VoiceMemberRow.display_name, VoiceChannelRow.name, VoiceGuildRow.name)
    statement = (
        _with_names(select(row, *names), row)
        .outerjoin(VoiceChannelRow, _is_channel(VoiceChannelRow, row, row.channel_id))
        .where(row.observer_id == observer_id, *_of(row, filters))
    )
    if filters.channel is not None:
        statement = statement.where(row.channel_id == filters.channel)
    if filters.since is not None:
        statement = statement.where(or_(row.ended_at > filters.since, row.ended_at.is_(None)))
    if filters.until is not None:
        statement = statement.where(row.started_at < filters.until)
    return await _page(tx, statement, row.started_at, row.id, limit=limit, cursor=cursor)


def _with_names(statement: Any, row: Any) -> Any:
    """With the names of the member and of the guild, if there are any."""
    member, guild = VoiceMemberRow, VoiceGuildRow
    is_member = and_(
        member.observer_id == row.observer_id,
        member.member_id == row.member_id,
        member.guild_id == row.guild_id,
    )
    is_guild = and_(guild.observer_id == row.observer_id, guild.guild_id == row.guild_id)
    return statement.select_from(row).outerjoin(member, is_member).outerjoin(guild, is_guild)


def _is_channel(channel: Any, row: Any, channel_id: Any) -> Any:
    return and_(channel.observer_id == row.observer_id, channel.channel_id == channel_id)


def _of(row: Any, filters: Filters) -> list[Any]:
    asked = ((row.guild_id, filters.guild), (row.member_id, filters.member))
    return [column == value for column, value in asked if value is not None]


async def _page(
    tx: AsyncSession, statement: Any, at: Any, key: Any, *, limit: int, cursor: str | None
) -> Found:
    if cursor is not None:
        statement = statement.where(tuple_(at, key) < tuple_(*map(literal, cursors.place(cursor))))
    rows = await answer(tx, statement.order_by(at.desc(), key.desc()).limit(limit + 1))
    page = [Named(*row) for row in rows[:limit]]
    if len(rows) <= limit:
        return Found(page, None)
    last = page[-1].row
    return Found(page, cursors.behind(getattr(last, at.key), last.id))
