"""What follows from an attempt to send: a pure rule of time, luck and the failure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from notilog.config import Section
from notilog.errors import SendFailed

ERROR_LENGTH = 500
THROTTLED_FOR = timedelta(days=1)
"""How long a receiver may have no room for a delivery before that counts as failing."""


class DeliveriesSettings(Section):
    """When deliveries are attempted, and when they are given up."""

    section: ClassVar[str] = "deliveries"

    lookahead: float = Field(
        15.0, ge=1, le=300, description="seconds ahead for which a sender waits for what falls due"
    )
    late_after: float = Field(
        30.0, ge=1, le=86400, description="seconds after the due instant that count as late"
    )
    retry_base: float = Field(5.0, gt=0, le=3600, description="seconds before the first retry")
    retry_cap: float = Field(3600.0, gt=0, le=86400, description="most seconds between attempts")
    max_attempts: int = Field(12, ge=1, le=100, description="attempts before a delivery is dead")
    breaker_failures: int = Field(
        10, ge=1, le=1000, description="failures in a row that pause a channel, until one arrives"
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to record of one claim.

    ``lease_until`` proves the claim: whoever claims the row later has a later lease, so what a
    slow worker records afterwards changes nothing. ``tried`` is False for what was given back.
    """

    id: UUID
    lease_until: datetime
    status: str
    attempt_at: datetime
    sent_at: datetime | None = None
    error: str | None = None
    tried: bool = True


def sent(delivery_id: UUID, lease_until: datetime, *, now: datetime) -> Outcome:
    return Outcome(delivery_id, lease_until, "sent", now, sent_at=now)


def given_back(
    delivery_id: UUID, lease_until: datetime, *, at: datetime, error: str | None = None
) -> Outcome:
    """The claim was not used: the row waits until ``at``, as if it had not been claimed."""
    return Outcome(delivery_id, lease_until, "pending", at, error=error, tried=False)


def failed(
    delivery_id: UUID,
    lease_until: datetime,
    *,
    failure: SendFailed,
    attempts: int,
    wanted_at: datetime,
    now: datetime,
    luck: float,
    rules: DeliveriesSettings,
) -> Outcome:
    """Try again later, or never when the failure is permanent or was the last allowed.

    What a receiver had no room for was not tried, however often that happens on one day.
    """
    error = _printable(str(failure))
    if failure.throttled and now - wanted_at < THROTTLED_FOR:
        pause = delay(1, failure.retry_after, luck=luck, rules=rules)
        at = now + timedelta(seconds=pause)
        return given_back(delivery_id, lease_until, at=at, error=error)
    if failure.permanent or attempts >= rules.max_attempts:
        return Outcome(delivery_id, lease_until, "dead", now, error=error)
    again = now + timedelta(seconds=delay(attempts, failure.retry_after, luck=luck, rules=rules))
    return Outcome(delivery_id, lease_until, "pending", again, error=error)


def delay(
    attempts: int, retry_after: float | None, *, luck: float, rules: DeliveriesSettings
) -> float:
    """Seconds until the next attempt: exponential with full jitter (``luck`` in 0..1).

    What the receiver asked for is a lower bound, to which the jitter is added.
    """
    ceiling = min(rules.retry_cap, rules.retry_base * 2.0 ** (attempts - 1))
    return (retry_after or 0.0) + ceiling * luck


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:ERROR_LENGTH]
