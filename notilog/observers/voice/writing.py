"""Writing what became of several observers at once, with one statement for each kind of row.

Every statement may be repeated: a connection that breaks while it commits does not tell whether it
did. Nothing is written of who has opted out, nor of a session that was erased meanwhile.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.observers.voice.changes import Changes

Of = tuple[UUID, Changes]
"""An observer and what became of it."""

NOT_OPTED_OUT: Final = (
    "NOT EXISTS (SELECT FROM voice_opt_outs AS refusal WHERE refusal.member_id = new.member_id)"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL over rows that are given column by column."""

    names: tuple[str, ...]
    sql: TextClause

    async def run(self, tx: AsyncSession, rows: Iterable[Sequence[Any]]) -> None:
        """Run it once for all rows; not at all without any."""
        columns = list(zip(*rows, strict=True))
        if columns:
            given = dict(zip(self.names, map(list, columns), strict=True))
            await tx.execute(self.sql, given)


def _statement(columns: str, sql: str) -> Statement:
    """``{new}`` in the SQL is the rows, as ``new`` with these columns: ``id uuid, at float8``."""
    pairs = [column.split() for column in columns.split(", ")]
    arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in pairs)
    names = tuple(name for name, _ in pairs)
    rows = f"unnest({arrays}) AS new ({', '.join(names)})"
    return Statement(names, text(sql.format(new=rows, allowed=NOT_OPTED_OUT)))


_GUILDS: Final = _statement(
    "observer_id uuid, guild_id bigint, name text, afk_channel_id bigint",
    """
    INSERT INTO voice_guilds AS old (observer_id, guild_id, name, afk_channel_id)
    SELECT * FROM {new}
    ON CONFLICT (observer_id, guild_id) DO UPDATE
    SET name = excluded.name, afk_channel_id = excluded.afk_channel_id, left_at = NULL
    """,
)
_GUILDS_LEFT: Final = _statement(
    "observer_id uuid, guild_id bigint, at timestamptz",
    """
    UPDATE voice_guilds AS old SET left_at = new.at FROM {new}
    WHERE old.observer_id = new.observer_id AND old.guild_id = new.guild_id
    """,
)
_GUILDS_GONE: Final = _statement(
    "observer_id uuid, at timestamptz, there text",
    """
    UPDATE voice_guilds AS old SET left_at = new.at FROM {new}
    WHERE old.observer_id = new.observer_id AND old.left_at IS NULL
      AND old.guild_id <> ALL (CAST(new.there AS bigint[]))
    """,
)
_CHANNELS: Final = _statement(
    "observer_id uuid, channel_id bigint, guild_id bigint, name text",
    """
    INSERT INTO voice_channels AS old (observer_id, channel_id, guild_id, name)
    SELECT * FROM {new}
    ON CONFLICT (observer_id, channel_id) DO UPDATE SET name = excluded.name, deleted_at = NULL
    WHERE old.name <> excluded.name OR old.deleted_at IS NOT NULL
    """,
)
_CHANNELS_DELETED: Final = _statement(
    "observer_id uuid, channel_id bigint, at timestamptz",
    """
    UPDATE voice_channels AS old SET deleted_at = new.at FROM {new}
    WHERE old.observer_id = new.observer_id AND old.channel_id = new.channel_id
      AND old.deleted_at IS NULL
    """,
)
_CHANNELS_GONE: Final = _statement(
    "observer_id uuid, guild_id bigint, at timestamptz, there text",
    """
    UPDATE voice_channels AS old SET deleted_at = new.at FROM {new}
    WHERE old.observer_id = new.observer_id AND old.guild_id = new.guild_id
      AND old.deleted_at IS NULL AND old.channel_id <> ALL (CAST(new.there AS bigint[]))
    """,
)
_CHANNELS_AFK: Final = _statement(
    "observer_id uuid, guild_id bigint",
    """
    UPDATE voice_channels AS old SET is_afk = NOT old.is_afk
    FROM {new} JOIN voice_guilds AS guild USING (observer_id, guild_id)
    WHERE old.observer_id = guild.observer_id AND old.guild_id = guild.guild_id
      AND old.deleted_at IS NULL
      AND old.is_afk = (guild.afk_channel_id IS DISTINCT FROM old.channel_id)
    """,
)
_MEMBERS: Final = _statement(
    "observer_id uuid, guild_id bigint, member_id bigint, name text, display_name text,"
    " is_bot bool, at timestamptz",
    """
    INSERT INTO voice_members AS old
        (observer_id, guild_id, member_id, name, display_name, is_bot, seen_at)
    SELECT * FROM {new} WHERE {allowed}
    ON CONFLICT (observer_id, member_id, guild_id) DO UPDATE
    SET name = excluded.name, display_name = excluded.display_name, is_bot = excluded.is_bot,
        seen_at = excluded.seen_at
    WHERE (old.name, old.display_name, old.is_bot)
          <> (excluded.name, excluded.display_name, excluded.is_bot)
       OR old.seen_at < excluded.seen_at - interval '1 hour'
    """,
)
_SESSIONS: Final = _statement(
    "id uuid, last_seen_at timestamptz, ended_at timestamptz, end_reason text, end_estimated bool",
    """
    UPDATE voice_sessions AS old
    SET last_seen_at = CASE WHEN new.ended_at IS NULL
            THEN greatest(old.last_seen_at, new.last_seen_at) ELSE new.ended_at END,
        ended_at = new.ended_at, end_reason = new.end_reason, end_estimated = new.end_estimated
    FROM {new} WHERE old.id = new.id AND old.ended_at IS NULL
    """,
)
_SESSIONS_BEGUN: Final = _statement(
    "observer_id uuid, id uuid, guild_id bigint, channel_id bigint, member_id bigint,"
    " session_id text, started_at timestamptz, start_estimated bool, last_seen_at timestamptz,"
    " ended_at timestamptz, end_reason text, end_estimated bool",
    """
    INSERT INTO voice_sessions
        (observer_id, id, guild_id, channel_id, member_id, session_id, started_at, start_estimated,
         last_seen_at, ended_at, end_reason, end_estimated)
    SELECT * FROM {new} WHERE {allowed} ON CONFLICT (id) DO NOTHING
    """,
)
_INTERVALS: Final = _statement(
    "id uuid, ended_at timestamptz",
    "UPDATE voice_intervals AS old SET ended_at = new.ended_at FROM {new} WHERE old.id = new.id",
)
_INTERVALS_BEGUN: Final = _statement(
    "id uuid, voice_session_id uuid, kind text, started_at timestamptz, ended_at timestamptz",
    """
    INSERT INTO voice_intervals (id, voice_session_id, kind, started_at, ended_at)
    SELECT new.* FROM {new} JOIN voice_sessions ON voice_sessions.id = new.voice_session_id
    ON CONFLICT (id) DO NOTHING
    """,
)
_ACTIONS: Final = _statement(
    "observer_id uuid, id uuid, guild_id bigint, member_id bigint, at timestamptz, kind text,"
    " before_channel_id bigint, before_flags smallint, after_channel_id bigint,"
    " after_flags smallint, is_estimated bool",
    """
    INSERT INTO voice_actions
        (observer_id, id, guild_id, member_id, at, kind, before_channel_id, before_flags,
         after_channel_id, after_flags, is_estimated)
    SELECT * FROM {new} WHERE {allowed} ON CONFLICT (id) DO NOTHING
    """,
)
_SEEN: Final = _statement(
    "observer_id uuid, guild_id bigint, at timestamptz",
    """
    UPDATE voice_sessions AS old SET last_seen_at = greatest(old.last_seen_at, new.at) FROM {new}
    WHERE old.observer_id = new.observer_id AND old.guild_id = new.guild_id
      AND old.ended_at IS NULL
    """,
)


async def write(tx: AsyncSession, changed: Sequence[Of]) -> None:
    """Write all of it; who opts out must be kept waiting meanwhile, see `privacy`."""
    await _write_places(tx, changed)
    await _MEMBERS.run(
        tx, [(of, *key, *known) for of, one in changed for key, known in one.members.items()]
    )
    # What ends goes first: a member has one open session.
    altered = [
        state for _, one in changed for key, state in one.sessions.items() if key not in one.begun
    ]
    await _SESSIONS.run(tx, altered)
    await _SESSIONS_BEGUN.run(
        tx,
        [
            (of, *made, *one.sessions[made.id][1:])
            for of, one in changed
            for made in one.begun.values()
        ],
    )
    await _write_intervals(tx, [one for _, one in changed])
    await _ACTIONS.run(tx, [(of, *made) for of, one in changed for made in one.actions])
    await _SEEN.run(tx, _by_key(changed, "seen"))


async def _write_places(tx: AsyncSession, changed: Sequence[Of]) -> None:
    """Guilds and channels."""
    named = [(of, key, known) for of, one in changed for key, known in one.guilds.items()]
    await _GUILDS.run(tx, [(of, key, known.name, known.afk_channel_id) for of, key, known in named])
    await _GUILDS_LEFT.run(tx, _by_key(changed, "guilds_left"))
    present = [(of, one.present[1], _array(one.present[0])) for of, one in changed if one.present]
    await _GUILDS_GONE.run(tx, present)
    await _CHANNELS.run(
        tx, [(of, key, *known) for of, one in changed for key, known in one.channels.items()]
    )
    await _CHANNELS_DELETED.run(tx, _by_key(changed, "channels_deleted"))
    whole = [
        (of, key, known.at, _array(known.channel_ids | one.channels.keys()))
        for of, one in changed
        for key, known in one.guilds.items()
        if known.channel_ids is not None
    ]
    await _CHANNELS_GONE.run(tx, whole)
    touched = {(of, key) for of, key, _ in named}
    touched |= {(of, known.guild_id) for of, one in changed for known in one.channels.values()}
    await _CHANNELS_AFK.run(tx, sorted(touched))


async def _write_intervals(tx: AsyncSession, changed: Sequence[Changes]) -> None:
    ended = [
        (key, at)
        for one in changed
        for key, at in one.interval_ends.items()
        if key not in one.intervals
    ]
    await _INTERVALS.run(tx, ended)
    begun = [
        (*made, one.interval_ends.get(key))
        for one in changed
        for key, made in one.intervals.items()
    ]
    await _INTERVALS_BEGUN.run(tx, begun)


def _array(ids: Iterable[int]) -> str:
    return "{" + ",".join(map(str, ids)) + "}"


def _by_key(changed: Sequence[Of], name: str) -> Iterator[tuple[Any, ...]]:
    return ((of, key, at) for of, one in changed for key, at in getattr(one, name).items())
