"""Test messages to oneself: deliveries like others, so that they show the whole way works."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import jobs
from notilog.errors import Invalid, TooMany
from notilog.notifications import preferences
from notilog.notifications.channels import CHANNELS
from notilog.notifications.deliveries import SEND
from notilog.notifications.tables import DeliveryRow
from notilog.notifications.wishes import NEAR
from notilog.users.caller import Caller

KIND: Final = "test"
AT_MOST: Final = 5
WINDOW: Final = timedelta(minutes=5)
"""So many in so long: an address may be somebody else's, whom this must not disturb much."""


async def ask(tx: AsyncSession, caller: Caller, *, login: str, channel: str, now: datetime) -> UUID:
    """Have a test message sent to a person's own address now; returns the delivery's id.

    Raises:
        NotFound, Forbidden: see `preferences.find`.
        Invalid: there is no such channel.
        TooMany: several were sent to this person just now.
    """
    preferences.check_may_change(caller)
    if channel not in CHANNELS:
        raise Invalid.field("channel", f"must be one of {', '.join(sorted(CHANNELS))}")
    person, _ = await preferences.find(tx, caller, login=login)
    await tx.refresh(person, with_for_update=True)
    lately = select(func.count()).where(
        DeliveryRow.user_id == person.id,
        DeliveryRow.kind == KIND,
        DeliveryRow.due_at > now - WINDOW,
    )
    if (await tx.scalar(lately) or 0) >= AT_MOST:
        raise TooMany("enough test messages for now", retry_after=WINDOW.total_seconds())
    row = DeliveryRow(
        kind=KIND,
        user_id=person.id,
        channel=channel,
        priority=NEAR,
        content={},
        due_at=now,
        attempt_at=now,
    )
    tx.add(row)
    await tx.flush()
    jobs.wake(SEND, channel)
    return row.id
