"""Sessions that nobody sees to any more, because their observer runs nowhere."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.observers.lease_names import lease_name
from notilog.observers.tables import ObserverRow
from notilog.observers.voice.privacy_lock import LOCK
from notilog.observers.voice.stays import FLAGS
from notilog.observers.voice.tables import VoiceSessionRow

GRACE: Final = timedelta(minutes=2)
"""An observer that is moved to another worker takes its sessions with it, within less."""

_GONE: Final = text(
    """
    SELECT name FROM leases WHERE name = ANY (CAST(:names AS text[])) AND until < :cut
    ORDER BY name FOR UPDATE SKIP LOCKED
    """
)
"""Held, these leases are taken by nobody until their sessions are closed."""
_KNOWN: Final = text("SELECT name FROM leases WHERE name = ANY (CAST(:names AS text[]))")
_CLOSE: Final = text(
    """
    WITH closed AS (
        UPDATE voice_sessions
        SET ended_at = last_seen_at, end_reason = 'gap', end_estimated = true
        WHERE observer_id = ANY (CAST(:observers AS uuid[])) AND ended_at IS NULL
          AND last_seen_at < :cut
        RETURNING *
    ), ended AS (
        UPDATE voice_intervals AS interval
        SET ended_at = greatest(interval.started_at, closed.last_seen_at)
        FROM closed WHERE interval.voice_session_id = closed.id AND interval.ended_at IS NULL
        RETURNING interval.voice_session_id, interval.kind
    ), flagged AS (
        SELECT voice_session_id,
               sum(1 << (array_position(CAST(:flags AS text[]), kind) - 1)) AS flags
        FROM ended GROUP BY voice_session_id
    )
    INSERT INTO voice_actions
        (id, observer_id, guild_id, member_id, at, kind, before_channel_id, before_flags,
         is_estimated)
    SELECT gen_random_uuid(), observer_id, guild_id, member_id, ended_at, 'leave', channel_id,
           coalesce(flags, 0), true
    FROM closed LEFT JOIN flagged ON voice_session_id = closed.id
    RETURNING id
    """
)


async def close_orphaned(tx: AsyncSession, now: datetime) -> int:
    """Close the open sessions of observers that run nowhere, when they were last seen.

    Returns how many those were.
    """
    await tx.execute(select(func.pg_advisory_xact_lock_shared(LOCK)))
    cut = now - GRACE
    opened = select(VoiceSessionRow.observer_id).where(
        VoiceSessionRow.ended_at.is_(None), VoiceSessionRow.last_seen_at < cut
    )
    observers = {lease_name(each): each for each in await tx.scalars(opened.distinct())}
    names = {"names": list(observers)}
    known = set(await tx.scalars(_KNOWN, names))
    gone = set(await tx.scalars(_GONE, {**names, "cut": cut}))
    # Of those that never had a lease nobody begins to run one while their row is held.
    never = [observers[name] for name in observers.keys() - known]
    held = (
        select(ObserverRow.id)
        .where(ObserverRow.id.in_(never), ObserverRow.running_turn.is_(None))
        .with_for_update(skip_locked=True)
    )
    gone |= {lease_name(each) for each in await tx.scalars(held)}
    if not gone:
        return 0
    of = {"observers": [observers[name] for name in gone], "cut": cut, "flags": list(FLAGS)}
    return len((await tx.execute(_CLOSE, of)).all())
