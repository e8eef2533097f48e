"""A message to send on a channel, and how its failure reads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from uuid_utils.compat import uuid7

from notilog.errors import SendFailed
from notilog.notifications.channels.channel import Channel, Message, Recipient

ANN = Recipient(login="ann", email="ann@example.org", phone="+79161234567", telegram_chat_id="42")
HOSTILE = "<!channel> & *bold* `x` @everyone"


def message(*, title: str = "Planning", text: str = "Mon 1 Jun 2026, 08:00\n") -> Message:
    return Message(
        id=uuid7(),
        kind="reminder",
        title=title,
        text=text,
        html="",
        language="en",
        due_at=datetime(2026, 6, 1, 7, 45, tzinfo=UTC),
        data={"before": "15m"},
    )


@asynccontextmanager
async def closing(channel: Channel) -> AsyncIterator[Channel]:
    try:
        yield channel
    finally:
        await channel.close()


async def failure(channel: Channel, to: Recipient = ANN) -> SendFailed:
    with pytest.raises(SendFailed) as caught:
        await channel.send(message(), to)
    return caught.value
