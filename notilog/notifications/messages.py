"""From deliveries to a message, and the message to the channel: one attempt, in time or not."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from notilog.errors import SendFailed
from notilog.notifications import rendering
from notilog.notifications.channels.channel import Channel, Message, Recipient
from notilog.notifications.claims import LEASE, Parcel
from notilog.notifications.rendering import Part, Reader

# A send is cut off well before its lease ends, so that nobody else sends the same meanwhile.
SEND_LIMIT: Final = LEASE - timedelta(seconds=5)

RENDERERS: dict[str, Callable[..., Message]] = {
    "reminder": rendering.reminder,
    "snooze": partial(rendering.reminder, kind="snooze"),
    "invitation": partial(rendering.tidings, kind="invitation"),
    "update": partial(rendering.tidings, kind="update"),
    "cancellation": partial(rendering.tidings, kind="cancellation"),
    "alert": rendering.alert,
    "incident": partial(rendering.alert, kind="incident"),
    "test": rendering.trial,
}


def message_of(parcel: Parcel, channel: Channel, *, kind: str) -> Message:
    """What is said to the person, on the channel of that kind."""
    first = parcel.first
    reader = Reader(first.to.login, first.language, first.timezone, kind, channel.markup)
    if len(parcel.claims) == 1:
        return RENDERERS[first.kind](
            first.id, first.content, reader=reader, due_at=first.due_at, late=first.late
        )
    parts = [Part(one.kind, one.content) for one in parcel.claims]
    return rendering.digest(parcel.id, parts, reader=reader, due_at=first.wanted_at)


async def hand_over(message: Message, to: Recipient, channel: Channel, *, kind: str) -> None:
    """Send a message.

    Raises:
        SendFailed: it was not accepted, not in time, or the channel is not configured.
        Postponed: the limits of the channel leave no room for it yet.
    """
    if missing := channel.missing():
        raise SendFailed(
            f"the channel {kind} is not configured: set {' and '.join(missing)}", permanent=True
        )
    try:
        async with asyncio.timeout(SEND_LIMIT.total_seconds()):
            await channel.send(message, to)
    except TimeoutError as error:
        raise SendFailed(f"not accepted within {SEND_LIMIT.total_seconds():g} s") from error
