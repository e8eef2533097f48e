"""The open sessions of an observer, as the database has them."""

from collections import defaultdict
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.observers.voice.sessions import OpenSession
from notilog.observers.voice.stays import Stay
from notilog.observers.voice.tables import VoiceIntervalRow, VoiceOptOutRow, VoiceSessionRow


async def open_sessions(tx: AsyncSession, observer_id: UUID) -> list[OpenSession]:
    """All of them, each with its intervals that go on."""
    of = (VoiceSessionRow.observer_id == observer_id, VoiceSessionRow.ended_at.is_(None))
    rows = (await tx.scalars(select(VoiceSessionRow).where(*of))).all()
    intervals = defaultdict(list)
    if rows:
        going_on = (
            select(VoiceIntervalRow.voice_session_id, VoiceIntervalRow.kind, VoiceIntervalRow.id)
            .join(VoiceSessionRow, VoiceSessionRow.id == VoiceIntervalRow.voice_session_id)
            .where(*of, VoiceIntervalRow.ended_at.is_(None))
        )
        for session_id, kind, interval_id in await tx.execute(going_on):
            intervals[session_id].append((kind, interval_id))
    return [_opened(row, intervals[row.id]) for row in rows]


async def opted_out(tx: AsyncSession) -> frozenset[int]:
    """Everybody of whom nothing is recorded."""
    return frozenset(await tx.scalars(select(VoiceOptOutRow.member_id)))


def _opened(row: VoiceSessionRow, intervals: list[tuple[str, UUID]]) -> OpenSession:
    flags = frozenset(kind for kind, _ in intervals)
    return OpenSession(
        row.id,
        row.guild_id,
        row.member_id,
        Stay(row.channel_id, row.session_id, flags),
        row.last_seen_at,
        tuple(intervals),
    )
