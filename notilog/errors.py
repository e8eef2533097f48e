"""What can go wrong, in words the caller can act on; HTTP codes are the API's business."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that was refused: its path (``participants.0``) and the reason."""

    field: str
    reason: str


class NotilogError(Exception):
    """Any refusal or failure that NotiLog itself reports."""


class NotFound(NotilogError):
    """The thing does not exist, or the caller may not know that it does."""


class Conflict(NotilogError):
    """The request clashes with what is stored already."""


class Stale(NotilogError):
    """The thing was changed since the caller read it."""


class Unauthenticated(NotilogError):
    """The caller did not say who they are, or what they said is not valid any more."""


class Forbidden(NotilogError):
    """The caller is known and may not do this."""


class TooLarge(NotilogError):
    """More was sent than is accepted at once."""


class TooMany(NotilogError):
    """Asked too often; ``retry_after`` is in seconds."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(NotilogError):
    """A server that NotiLog needs does not answer; the same request may succeed later."""


class Invalid(NotilogError):
    """The input is wrong; ``errors`` names each field and the reason."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.reason}" for error in errors))
        self.errors = tuple(errors)

    @classmethod
    def field(cls, field: str, reason: str) -> "Invalid":
        return cls([FieldError(field, reason)])


class SendFailed(NotilogError):
    """A message did not leave: for ever (``permanent``) or until ``retry_after`` seconds pass.

    ``throttled``: the receiver is well and takes messages, only not so many; what it did not take
    now does not count as an attempt. ``personal``: it is about this person's address alone.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        throttled: bool = False,
        personal: bool = False,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.retry_after = retry_after
        self.throttled = throttled
        self.personal = personal


class Postponed(NotilogError):
    """A message was not sent, because the receiver's limits leave no room for ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"its turn comes in {seconds:.1f} s")
        self.seconds = seconds
