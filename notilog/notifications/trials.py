"""Test messages: to oneself, as a delivery like others; to any address, for administrators."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from notilog import clock, jobs
from notilog.errors import Invalid, Postponed, SendFailed, TooMany
from notilog.notifications import preferences, rendering
from notilog.notifications.channels import CHANNELS, open_channel
from notilog.notifications.deliveries import SEND, TEST
from notilog.notifications.messages import hand_over
from notilog.notifications.rendering import Reader
from notilog.notifications.tables import DeliveryRow
from notilog.notifications.wishes import NEAR
from notilog.users.caller import Caller

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
        DeliveryRow.kind == TEST,
        DeliveryRow.due_at > now - WINDOW,
    )
    if (await tx.scalar(lately) or 0) >= AT_MOST:
        raise TooMany("enough test messages for now", retry_after=WINDOW.total_seconds())
    row = DeliveryRow(
        kind=TEST,
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


async def try_out(kind: str, to: str, *, language: str) -> UUID:
    """Send a test message to an address at once; returns its id.

    Raises:
        NotFound: there is no such channel.
        SendFailed: the message was not accepted, or the channel is not configured.
    """
    channel = open_channel(kind)
    try:
        person = channel.recipient(to)
        reader = Reader(person.login, language, "UTC", kind, channel.markup)
        message = rendering.trial(uuid7(), reader=reader, due_at=clock.now())
        await hand_over(message, person, channel, kind=kind)
    except Postponed as error:
        raise SendFailed(str(error), retry_after=error.seconds) from error
    finally:
        await channel.close()
    return message.id
