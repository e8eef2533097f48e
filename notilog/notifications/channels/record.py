"""A message for programs: the same JSON wherever it is sent."""

import msgspec

from notilog.notifications.channels.channel import Message, Recipient


def record(message: Message, to: Recipient) -> bytes:
    """``type``, ``timestamp`` (when it fell due), and ``data``: the event and what people read."""
    return msgspec.json.encode(
        {
            "type": message.kind,
            "timestamp": message.due_at,
            "data": {
                **message.data,
                "login": to.login,
                "title": message.title,
                "text": message.text,
            },
        }
    )
