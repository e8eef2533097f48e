"""A lease: a name that is held by one at a time, until it ends or is let go.

A holder proves in each of its transactions that it still holds (`hold`), so one that stood still
for longer than its lease, and does not know it yet, writes nothing beside its successor. Every
instant is an argument, read from the clocks of the workers' machines, which must agree.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    String,
    Uuid,
    case,
    column,
    select,
    tuple_,
    update,
    values,
)
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
) -> set[str]:
    """Renew many leases at once; returns the names of those that are still theirs."""
    if not held:
        return set()
    mine = values(column("name", String), column("holder", Uuid), column("fence", BigInteger))
    known = mine.data([(lease.name, lease.holder, lease.fence) for lease in held]).alias("held")
    statement = (
        update(LeaseRow)
        .where(
            LeaseRow.name == known.c.name,
            LeaseRow.holder == known.c.holder,
            LeaseRow.fence == known.c.fence,
            LeaseRow.until > now,
        )
        .values(until=now + length)
        .returning(LeaseRow.name)
        .execution_options(synchronize_session=False)
    )
    return set(await tx.scalars(statement))


async def release(tx: AsyncSession, lease: Lease, *, now: datetime) -> None:
    """Let go of the lease; it does not matter when another has it already."""
    await tx.execute(
        update(LeaseRow)
        .where(_is_of(lease), LeaseRow.until > now)
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
    keys = [(lease.name, lease.holder, lease.fence) for lease in leases]
    statement = (
        select(LeaseRow.name, LeaseRow.holder, LeaseRow.fence)
        .where(tuple_(LeaseRow.name, LeaseRow.holder, LeaseRow.fence).in_(keys))
        .where(LeaseRow.until > now)
        .order_by(LeaseRow.name)  # who locks several locks them in one order
        .with_for_update()
    )
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
