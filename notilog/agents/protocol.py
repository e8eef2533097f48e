"""The frames that agents and the platform exchange, version 1 of the protocol; pure."""

from datetime import datetime
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import msgspec

PROTOCOL: Final = 1
FRAME_BYTES: Final = 2 * 2**20
"""Bytes of a frame of an agent's."""
TEXT_BYTES: Final = 64 * 1024
"""Bytes of a frame that is not a batch."""
BATCH_ID_BYTES: Final = 16
REJECTED_SHOWN: Final = 200
"""Rejected records that an answer names at most: it must fit into a frame of 256 KiB."""
REASON_CHARACTERS: Final = 200

Short = Annotated[str, msgspec.Meta(max_length=200)]
Long = Annotated[str, msgspec.Meta(max_length=2_000)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
AwareTime = Annotated[datetime, msgspec.Meta(tz=True)]


class BadFrame(Exception):
    """A frame that is none of the protocol's; says why."""


class About(msgspec.Struct, frozen=True):
    """The machine and the program."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    version: Short = ""
    system: Short = ""
    python: Short = ""


class Auth(msgspec.Struct, frozen=True, tag="auth"):
    """The first frame of an agent that has a token."""

    token: Short
    protocol: int
    agent: About


class Enrol(msgspec.Struct, frozen=True, tag="enrol"):
    """The first frame of an agent that has a code."""

    code: Short
    protocol: int
    agent: About


class Metrics(msgspec.Struct, frozen=True):
    """How the machine is; shares are from 0 to 1, None where it cannot be known."""

    cpu: Share | None = None
    load1: float | None = None
    memory: Share | None = None
    swap: Share | None = None
    disk: Annotated[dict[Short, Share], msgspec.Meta(max_length=50)] = {}
    boot_time: AwareTime | None = None
    processes: Count | None = None


class CheckResult(msgspec.Struct, frozen=True):
    """How one check went."""

    name: Short
    kind: Short
    ok: bool
    detail: Short = ""
    since: AwareTime | None = None


class Spool(msgspec.Struct, frozen=True):
    """What waits on the agent's disk, and what it had to drop."""

    batches: Count = 0
    bytes: Count = 0
    dropped: Count = 0


class FileProgress(msgspec.Struct, frozen=True):
    """How far a file was read; ``lag`` in bytes."""

    path: Long
    offset: Count = 0
    lag: Count = 0


class Heartbeat(msgspec.Struct, frozen=True, tag="heartbeat"):
    """How an agent is."""

    at: AwareTime
    settings_version: Count | None = None
    metrics: Metrics = Metrics()
    checks: Annotated[list[CheckResult], msgspec.Meta(max_length=200)] = []
    spool: Spool = Spool()
    files: Annotated[list[FileProgress], msgspec.Meta(max_length=200)] = []


class Refusal(msgspec.Struct, frozen=True):
    """A field of the settings that the agent cannot do as told."""

    field: Short
    reason: Long


class SettingsRefused(msgspec.Struct, frozen=True, tag="settings_refused"):
    """That the agent keeps its former settings, and why."""

    version: Count
    errors: Annotated[list[Refusal], msgspec.Meta(max_length=200)] = []


First = Auth | Enrol
Later = Heartbeat | SettingsRefused

FrameT = TypeVar("FrameT")
_first: Final[msgspec.json.Decoder[First]] = msgspec.json.Decoder(First)
_later: Final[msgspec.json.Decoder[Later]] = msgspec.json.Decoder(Later)


def first_frame(text: str) -> First:
    """The frame with which a connection begins.

    Raises:
        BadFrame: it is none.
    """
    return _decoded(_first, text)


def later_frame(text: str) -> Later:
    """A frame of an agent that is known.

    Raises:
        BadFrame: it is none.
    """
    return _decoded(_later, text)


def _decoded(decoder: msgspec.json.Decoder[FrameT], text: str) -> FrameT:
    if len(text) > TEXT_BYTES or len(text.encode(errors="replace")) > TEXT_BYTES:
        raise BadFrame(f"a text frame may have {TEXT_BYTES} bytes")
    try:
        frame = decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise BadFrame(str(error)[:REASON_CHARACTERS]) from None
    if "\\u0000" in text and _has_nul(msgspec.to_builtins(frame)):
        raise BadFrame("a text must not contain NUL")
    return frame


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(map(_has_nul, value))


def batch_of(frame: bytes) -> tuple[UUID, bytes]:
    """The id of a batch and its records, gzipped.

    Raises:
        BadFrame: there is no room for an id in it.
    """
    if len(frame) <= BATCH_ID_BYTES:
        raise BadFrame("a batch begins with the 16 bytes of its id")
    return UUID(bytes=frame[:BATCH_ID_BYTES]), frame[BATCH_ID_BYTES:]


def told(kind: str, **fields: Any) -> str:
    """A frame of the platform's."""
    return msgspec.json.encode({"type": kind, **fields}).decode()
