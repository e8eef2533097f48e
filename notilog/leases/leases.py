"""A lease: a name that is held by one at a time, until it ends or is let go.

A holder proves in each of its transactions that it still holds (`hold`), so one that stood still
for longer than its lease, and does not know it yet, writes nothing beside its successor. Every
instant is an argument, read from the clocks of the workers' machines, which must agree.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.errors import Conflict
from notilog.leases.tables import LeaseRow


class Fenced(Conflict):
    """The lease has ended, or another holds it: who held it must write nothing more."""


@dataclass(frozen=True, slots=True)
class Lease:
    """That ``holder`` holds a name until an instant; ``fence`` tells its turn from all others."""

    name: str
    holder: UUID
    fence: int
    until: datetime


async def take(
    tx: AsyncSession, name: str, *, holder: UUID, now: datetime, length: timedelta
) -> Lease | None:
    """The lease, unless somebody else holds it; the fence grows with each new holder."""
    until = now + length
    made = insert(LeaseRow).values(name=name, holder=holder, fence=1, until=until)
    is_mine = LeaseRow.holder == made.excluded.holder
    statement = made.on_conflict_do_update(
        index_elements=[LeaseRow.name],
        set_={
            "holder": made.excluded.holder,
            "fence": LeaseRow.fence + case((is_mine, 0), else_=1),
            "until": made.excluded.until,
        },
        where=is_mine | (LeaseRow.until <= now),
    ).returning(LeaseRow.fence)
    fence = await tx.scalar(statement)
    return None if fence is None else Lease(name, holder, fence, until)


async def renew(tx: AsyncSession, lease: Lease, *, now: datetime, length: timedelta) -> Lease:
    """The same lease until later.

    Raises:
        Fenced: it is not ours any more.
    """
    statement = (
        update(LeaseRow)
        .where(_is_of(lease), LeaseRow.until > now)
        .values(until=now + length)
        .returning(LeaseRow.fence)
        .execution_options(synchronize_session=False)
    )
    if await tx.scalar(statement) is None:
        raise _fenced(lease)
    return replace(lease, until=now + length)


async def renew_all(
    tx: AsyncSession, held: Sequence[Lease], *, now: datetime, length: timedelta
) -> tuple[set[Lease], set[Lease]]:
    """Renew many leases at once; returns those that were renewed, and those that are lost.

    One that a transaction holds at this moment is in neither: it is still its holder's, and waiting
    for it would keep all others waiting.
    """
    if not held:
        return set(), set()
    ours = await _found(tx, _among(held, now), held)
    free = _among(held, now).order_by(LeaseRow.name).with_for_update(skip_locked=True)
    renewed = await _found(tx, free, held)
    await tx.execute(
        update(LeaseRow)
        .where(LeaseRow.name.in_([lease.name for lease in renewed]))
        .values(until=now + length)
        .execution_options(synchronize_session=False)
    )
    return renewed, set(held) - ours


async def release(tx: AsyncSession, lease: Lease, *, now: datetime) -> None:
    """Let go of the lease; it does not matter when another has it already."""
    await tx.execute(
        update(LeaseRow)
        .where(_is_of(lease), LeaseRow.until > now)
        .values(until=now)
        .execution_options(synchronize_session=False)
    )


async def release_all(tx: AsyncSession, held: Collection[Lease], *, now: datetime) -> None:
    """Let go of leases that this transaction holds."""
    await tx.execute(
        update(LeaseRow)
        .where(LeaseRow.name.in_([lease.name for lease in held]))
        .values(until=now)
        .execution_options(synchronize_session=False)
    )


async def hold(tx: AsyncSession, lease: Lease, now: datetime) -> None:
    """Prove that the lease is ours, and keep it from being taken until this transaction ends.

    Raises:
        Fenced: it is not ours any more; nothing of this transaction must stay.
    """
    statement = select(LeaseRow.fence).where(_is_of(lease), LeaseRow.until > now).with_for_update()
    if await tx.scalar(statement) is None:
        raise _fenced(lease)


async def held_among(tx: AsyncSession, leases: Collection[Lease], now: datetime) -> set[Lease]:
    """Those that are ours, kept from being taken until this transaction ends, as by `hold`.

    Of the others nothing must be written in this transaction.
    """
    # Who locks several locks them in one order.
    statement = _among(leases, now).order_by(LeaseRow.name).with_for_update()
    return await _found(tx, statement, leases)


def _among(leases: Collection[Lease], now: datetime) -> "Select[str, UUID, int]":
    """Those of the leases that are their holders' now."""
    keys = [(lease.name, lease.holder, lease.fence) for lease in leases]
    key = tuple_(LeaseRow.name, LeaseRow.holder, LeaseRow.fence)
    statement = select(LeaseRow.name, LeaseRow.holder, LeaseRow.fence)
    return statement.where(key.in_(keys), LeaseRow.until > now)


async def _found(
    tx: AsyncSession, statement: "Select[str, UUID, int]", leases: Collection[Lease]
) -> set[Lease]:
    found = {tuple(row) for row in await tx.execute(statement)}
    return {lease for lease in leases if (lease.name, lease.holder, lease.fence) in found}


async def is_free(tx: AsyncSession, name: str, *, now: datetime) -> bool:
    """Whether nobody holds the name."""
    held = select(LeaseRow.fence).where(LeaseRow.name == name, LeaseRow.until > now)
    return await tx.scalar(held) is None


def _is_of(lease: Lease) -> ColumnElement[bool]:
    return (
        (LeaseRow.name == lease.name)
        & (LeaseRow.holder == lease.holder)
        & (LeaseRow.fence == lease.fence)
    )


def _fenced(lease: Lease) -> Fenced:
    return Fenced(f"the lease {lease.name} is not held by {lease.holder} any more")
