"""What people and the platform say to each other over a socket: JSON frames with a ``type``."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from notilog.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    NotilogError,
    Stale,
    TooMany,
    Unauthenticated,
    Unavailable,
)

LONGEST_FRAME: Final = 64 * 1024
"""Bytes of a frame from outside."""
FRAMES_A_SECOND: Final = 20
BURST: Final = 40
MOST_SUBSCRIPTIONS: Final = 50

MALFORMED: Final = 4400
UNAUTHENTICATED: Final = 4401
SLOW: Final = 4408
TOO_MANY_FRAMES: Final = 4429
TOO_LARGE: Final = 1009
FULL: Final = 1013
"""Codes with which a socket is closed; docs/sockets.md tells them all."""

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]

CODES: Final[dict[type[NotilogError], str]] = {
    NotFound: "not_found",
    Conflict: "conflict",
    Stale: "stale",
    Unauthenticated: "unauthenticated",
    Forbidden: "forbidden",
    TooMany: "too_many",
    Unavailable: "unavailable",
    Invalid: "invalid",
}


class Asked(msgspec.Struct, frozen=True):
    """What every frame from outside has; the type decides who reads the rest."""

    type: str
    id: Id | None = None


class Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A frame from outside; each kind of it names its own fields."""

    type: str
    id: Id | None = None


class Auth(Frame, frozen=True):
    """The first frame; without ``token`` the browser's cookie counts."""

    token: str | None = None


class After(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last message that was read; ``at`` finds what only the database has still."""

    epoch: Annotated[str, msgspec.Meta(max_length=64)]
    offset: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class Subscribe(Frame, frozen=True):
    id: Id
    topic: str
    filter: dict[str, Any] = {}
    after: After | None = None


class Unsubscribe(Frame, frozen=True):
    id: Id


class Ping(Frame, frozen=True):
    pass


class Rsvp(Frame, frozen=True):
    event_id: str
    decision: Literal["yes", "maybe", "no", "undecided"]
    occurrence: str | None = None


class Acknowledge(Frame, frozen=True):
    incident_id: str


class Presence(Frame, frozen=True):
    pass


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A frame of ours; its type is the name of its class."""

    id: str | None = None


class Welcome(Answer, frozen=True, tag="welcome"):
    login: str
    node: str


class Subscribed(Answer, frozen=True, tag="subscribed"):
    """Messages behind this place follow; ``recovered``: none is missing since ``after``.

    ``source`` says where those since then come from, if any are asked for and had.
    """

    topic: str
    epoch: str
    offset: int
    at: datetime
    recovered: bool
    source: Literal["stream", "database"] | None = None
    advice: str | None = None


class Reached(Answer, frozen=True, tag="message"):
    """A message without data: everything before this place has been given."""

    topic: str
    epoch: str
    offset: int
    at: datetime
    data: tuple[()] = ()


class Unsubscribed(Answer, frozen=True, tag="unsubscribed"):
    pass


class Pong(Answer, frozen=True, tag="pong"):
    pass


class Decided(Answer, frozen=True, tag="rsvp"):
    event_id: str
    login: str
    decision: str


class Acknowledged(Answer, frozen=True, tag="acknowledge"):
    """``acknowledged_by`` is whoever was first."""

    incident_id: str
    state: str
    acknowledged_by: str | None


class Present(Answer, frozen=True, tag="presence"):
    """Logins of the people who were connected within the last ``within`` seconds."""

    people: list[str]
    within: int


class Gap(Answer, frozen=True, tag="gap"):
    """Messages before this place may be missing; what they told must be asked for elsewhere."""

    topic: str
    epoch: str
    offset: int
    at: datetime


class Reason(msgspec.Struct, frozen=True):
    field: str
    reason: str


class Refusal(Answer, frozen=True, tag="error"):
    code: str
    errors: list[Reason]


def decoded(text: str, kind: type[msgspec.Struct]) -> Any:
    """The frame.

    Raises:
        Invalid: it is not JSON, or not a frame of this kind.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        raise Invalid.field(place.strip(".`") or "frame", reason) from error
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise Invalid.field("frame", f"is not JSON: {error}") from error


def encoded(answer: Answer) -> str:
    return msgspec.json.encode(answer).decode()


def refusal(error: NotilogError, *, id: str | None) -> Refusal:  # noqa: A002  the frame's word
    """The error as a frame."""
    code = next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), "failed")
    fields = error.errors if isinstance(error, Invalid) else (FieldError("frame", str(error)),)
    return Refusal(id=id, code=code, errors=[Reason(one.field, one.reason) for one in fields])
