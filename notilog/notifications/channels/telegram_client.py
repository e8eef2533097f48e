"""A bot's client of the Bot API, for the channel and for the bot that listens.

The token stands in the URL of every request, so the libraries that log URLs are kept silent.
"""

import os
from typing import Final

from telegram import Bot, LinkPreviewOptions
from telegram.request import HTTPXRequest

from notilog.log_output import silence

NO_PREVIEW: Final = LinkPreviewOptions(is_disabled=True)


def client(
    token: str,
    base_url: str,
    *,
    request: HTTPXRequest,
    updates_request: HTTPXRequest | None = None,
) -> Bot:
    """A client that is not connected yet; ``base_url`` is where the Bot API is, without /bot."""
    silence()
    # Without this the library warns at every 429 that it will count in timedelta one day.
    os.environ.setdefault("PTB_TIMEDELTA", "true")
    return Bot(
        token, base_url=f"{base_url}/bot", request=request, get_updates_request=updates_request
    )


def request(
    seconds: float, *, connections: int, kind: type[HTTPXRequest] = HTTPXRequest
) -> HTTPXRequest:
    """Requests that may take so long, over so many connections."""
    return kind(
        connection_pool_size=connections,
        connect_timeout=seconds,
        read_timeout=seconds,
        write_timeout=seconds,
        pool_timeout=seconds,
    )
