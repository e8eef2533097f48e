"""The wishes of people as they are stored, for whoever decides a delivery."""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.notifications.channels import CHANNELS
from notilog.notifications.tables import PreferencesRow
from notilog.notifications.wishes import Wishes
from notilog.users.tables import UserRow
from notilog.zones import zone_named


async def wishes_of(tx: AsyncSession, user_ids: Collection[UUID]) -> dict[UUID, Wishes]:
    """The wishes of those of these people who have any."""
    statement = (
        select(PreferencesRow, UserRow.timezone)
        .join(UserRow, UserRow.id == PreferencesRow.user_id)
        .where(PreferencesRow.user_id.in_(user_ids))
        .execution_options(populate_existing=True)
    )
    return {row.user_id: _wishes(row, zone) for row, zone in await tx.execute(statement)}


def _wishes(row: PreferencesRow, timezone: str) -> Wishes:
    known = {
        severity: tuple(name for name in names if name in CHANNELS)
        for severity, names in row.channels.items()
    }
    quiet = None
    if row.quiet_from is not None and row.quiet_to is not None:
        quiet = (row.quiet_from, row.quiet_to)
    return Wishes(
        zone=zone_named(timezone),
        channels=known,
        quiet=quiet,
        digest=timedelta(minutes=row.digest_minutes),
        muted_until=row.muted_until,
    )
