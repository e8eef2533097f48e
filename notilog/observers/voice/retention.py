"""How long what was recorded is kept: some days, and of a guild that was left, a grace."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import CursorResult, TextClause, text

from notilog import config
from notilog.db.session import transaction
from notilog.observers.voice.settings import VoiceSettings

AT_ONCE: Final = 10_000
"""Rows that one transaction deletes, so that none is long."""


def _delete(table: str, which: str, *, order: str) -> TextClause:
    """Of each observer the first rows: the indexes begin with the observer."""
    return text(
        f"""
        DELETE FROM {table} AS gone USING (
            SELECT old.id FROM observers CROSS JOIN LATERAL (
                SELECT id FROM {table}
                WHERE observer_id = observers.id AND {which} ORDER BY {order} LIMIT :most
            ) AS old LIMIT :most
        ) AS old WHERE gone.id = old.id
        """  # noqa: S608  names of our own columns
    )


_OLD: Final = (
    _delete("voice_actions", "at < :cut", order="at"),
    _delete("voice_sessions", "ended_at < :cut", order="ended_at"),
)
_OLD_NAMES: Final = (
    text(
        """
        DELETE FROM voice_members AS gone WHERE seen_at < :cut AND NOT EXISTS (
            SELECT FROM voice_sessions AS session
            WHERE session.observer_id = gone.observer_id AND session.guild_id = gone.guild_id
              AND session.member_id = gone.member_id
        )
        """
    ),
    text(
        """
        DELETE FROM voice_channels AS gone WHERE deleted_at < :cut AND NOT EXISTS (
            SELECT FROM voice_sessions AS session
            WHERE session.observer_id = gone.observer_id AND session.channel_id = gone.channel_id
        )
        """
    ),
)


def _delete_left(table: str, *, by: str) -> TextClause:
    return text(
        f"""
        DELETE FROM {table} WHERE {by} IN (
            SELECT of.{by} FROM {table} AS of JOIN voice_guilds AS guild
              ON guild.observer_id = of.observer_id AND guild.guild_id = of.guild_id
            WHERE guild.left_at < :cut LIMIT :most
        )
        """  # noqa: S608  names of our own tables
    )


_OF_LEFT: Final = tuple(
    _delete_left(table, by=by)
    for table, by in (
        ("voice_actions", "id"),
        ("voice_sessions", "id"),
        ("voice_members", "ctid"),
        ("voice_channels", "ctid"),
    )
)
_LEFT_GUILDS: Final = text("DELETE FROM voice_guilds WHERE left_at < :cut")


async def enforce(now: datetime) -> int:
    """Delete what is not to be kept any longer, in pieces; says how many rows that were."""
    settings = config.section(VoiceSettings)
    deleted = await purge_left(now)
    if settings.days is not None:
        cut = now - timedelta(days=settings.days)
        for statement in _OLD:
            deleted += await _delete_all(statement, cut)
        for statement in _OLD_NAMES:
            deleted += await _delete_once(statement, {"cut": cut})
    return deleted


async def purge_left(now: datetime) -> int:
    """Delete everything of guilds that were left a while ago; says how many rows that were."""
    cut = now - timedelta(days=config.section(VoiceSettings).left_guild_days)
    deleted = 0
    for statement in _OF_LEFT:
        deleted += await _delete_all(statement, cut)
    return deleted + await _delete_once(_LEFT_GUILDS, {"cut": cut})


async def _delete_all(statement: TextClause, cut: datetime) -> int:
    deleted = 0
    while True:
        piece = await _delete_once(statement, {"cut": cut, "most": AT_ONCE})
        deleted += piece
        if piece < AT_ONCE:
            return deleted


async def _delete_once(statement: TextClause, values: Mapping[str, Any]) -> int:
    async with transaction() as tx:
        gone: CursorResult[Any] = await tx.execute(statement, values)  # type: ignore[assignment]
        return gone.rowcount
