"""What an HTTP server's answer, or the lack of one, means for a message."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime

from aiohttp import ClientError, InvalidURL

from notilog import clock
from notilog.errors import SendFailed

MAX_RETRY_AFTER = 24 * 3600.0
REQUEST_TIMEOUT, TOO_EARLY, TOO_MANY = 408, 425, 429
REDIRECT, SERVER_ERROR = 300, 500


def judge(status: int, headers: Mapping[str, str], *, retry_after: float | None = None) -> None:
    """Accept a 2xx; a redirect is a refusal, for it may lead anywhere.

    Raises:
        SendFailed: with what the server asks for in Retry-After, unless the body said it better.
    """
    if status < REDIRECT:
        return
    if retry_after is None:
        retry_after = asked_pause(headers.get("Retry-After"), clock.now())
    else:
        retry_after = _bounded(retry_after)
    raise SendFailed(
        f"HTTP {status}",
        permanent=is_final(status),
        retry_after=retry_after,
        throttled=status == TOO_MANY,
    )


def is_final(status: int) -> bool:
    """Whether the same request would be refused for ever."""
    passing = {REQUEST_TIMEOUT, TOO_EARLY, TOO_MANY}
    return REDIRECT <= status < SERVER_ERROR and status not in passing


@contextmanager
def failures(*, timeout: float) -> Iterator[None]:
    """Errors on the way as failures to send, in words that show no URL."""
    try:
        yield
    except TimeoutError as error:
        raise SendFailed(f"HTTP: no answer within {timeout:g} s") from error
    except InvalidURL:
        raise SendFailed("the target is not a usable URL", permanent=True) from None
    except (ClientError, OSError) as error:
        # Its own words may hold the URL, and a traceback would show them.
        raise SendFailed(f"HTTP: {type(error).__name__}") from None


def asked_pause(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, from a number or a date; None when the header says nothing usable."""
    if value is None:
        return None
    try:
        seconds = float(value) if value.strip().isdigit() else _until(value, now)
    except ValueError:
        return None
    return _bounded(seconds)


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _until(value: str, now: datetime) -> float:
    at = parsedate_to_datetime(value)
    return (at.replace(tzinfo=at.tzinfo or now.tzinfo) - now).total_seconds()
