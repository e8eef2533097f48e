"""What a member may ask of us: all that is known of them, to be forgotten, to be left alone."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CursorResult, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.errors import NotFound
from notilog.observers.voice.privacy_lock import LOCK
from notilog.observers.voice.tables import (
    VoiceActionRow,
    VoiceIntervalRow,
    VoiceMemberRow,
    VoiceOptOutRow,
    VoiceSessionRow,
)

_OF_A_MEMBER: Final = (VoiceActionRow, VoiceSessionRow, VoiceMemberRow)


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything that is known of a member, of all observers; intervals are by session."""

    member_id: int
    opted_out_since: datetime | None
    names: Sequence[VoiceMemberRow]
    sessions: Sequence[VoiceSessionRow]
    intervals: Mapping[UUID, Sequence[VoiceIntervalRow]]
    actions: Sequence[VoiceActionRow]


async def export(tx: AsyncSession, member_id: int) -> Dossier:
    """Everything that is known of a member; empty lists when that is nothing."""
    sessions = select(VoiceSessionRow).where(VoiceSessionRow.member_id == member_id)
    actions = select(VoiceActionRow).where(VoiceActionRow.member_id == member_id)
    names = select(VoiceMemberRow).where(VoiceMemberRow.member_id == member_id)
    within = (
        select(VoiceIntervalRow)
        .join(VoiceSessionRow, VoiceSessionRow.id == VoiceIntervalRow.voice_session_id)
        .where(VoiceSessionRow.member_id == member_id)
        .order_by(VoiceIntervalRow.started_at, VoiceIntervalRow.id)
    )
    intervals: defaultdict[UUID, list[VoiceIntervalRow]] = defaultdict(list)
    for interval in await tx.scalars(within):
        intervals[interval.voice_session_id].append(interval)
    begun = (VoiceSessionRow.started_at, VoiceSessionRow.id)
    done = (VoiceActionRow.at, VoiceActionRow.id)
    return Dossier(
        member_id,
        await _opted_out_since(tx, member_id),
        (await tx.scalars(names.order_by(VoiceMemberRow.seen_at))).all(),
        (await tx.scalars(sessions.order_by(*begun))).all(),
        intervals,
        (await tx.scalars(actions.order_by(*done))).all(),
    )


async def erase(tx: AsyncSession, member_id: int) -> int:
    """Delete everything that is known of a member but that they opted out; says how many rows.

    What is being recorded is waited for. A session that is open is not opened again before they
    come anew.
    """
    await tx.execute(select(func.pg_advisory_xact_lock(LOCK)))
    erased = 0
    for row in _OF_A_MEMBER:
        gone: CursorResult[Any] = await tx.execute(  # type: ignore[assignment]  # of a DELETE
            delete(row)
            .where(row.member_id == member_id)
            .execution_options(synchronize_session=False)
        )
        erased += gone.rowcount
    return erased


async def opt_out(tx: AsyncSession, member_id: int, *, now: datetime) -> datetime:
    """Record nothing of a member from now on, and erase what was; says since when that is so."""
    await erase(tx, member_id)
    refused = insert(VoiceOptOutRow).values(member_id=member_id, since=now)
    await tx.execute(refused.on_conflict_do_nothing())
    return await opted_out(tx, member_id)


async def opted_out(tx: AsyncSession, member_id: int) -> datetime:
    """Since when a member is not recorded.

    Raises:
        NotFound: they have not opted out.
    """
    since = await _opted_out_since(tx, member_id)
    if since is None:
        raise NotFound(f"member {member_id} has not opted out")
    return since


async def opt_in(tx: AsyncSession, member_id: int) -> None:
    """Let a member be recorded again, within half a minute.

    Raises:
        NotFound: they have not opted out.
    """
    refused = delete(VoiceOptOutRow).where(VoiceOptOutRow.member_id == member_id)
    if await tx.scalar(refused.returning(VoiceOptOutRow.member_id)) is None:
        raise NotFound(f"member {member_id} has not opted out")


async def _opted_out_since(tx: AsyncSession, member_id: int) -> datetime | None:
    return await tx.scalar(
        select(VoiceOptOutRow.since).where(VoiceOptOutRow.member_id == member_id)
    )
