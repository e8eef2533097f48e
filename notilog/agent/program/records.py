"""Lines of text as records of NotiLog: stamped in the order in which they were read."""

import codecs
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from notilog.agent.attributes import encode
from notilog.agent.texts import fitted

LONGEST_LINE: Final = 60 * 1024
"""Bytes of a line that are sent; the server takes 64 KiB, and the mark of a cut is added."""
LONGEST_TEXT: Final = 64 * 1024
CUT_MARK: Final = "… [cut]"

_MILLION: Final = 1_000_000
_Decoder: Final = codecs.getincrementaldecoder("utf-8")


class Stamper:
    """Makes records; each is at least a microsecond younger than the one before.

    So the server, which sorts by time, keeps the order of reading. Each record has an id of its own
    that is kept with it in the spool: if a batch is sent once more long after the server forgot
    the batch's id, those of the records still make it stored once.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._last = 0

    def record(
        self,
        message: bytes,
        place: Mapping[str, str],
        *,
        attrs: Mapping[str, Any],
        is_cut: bool = False,
        at: int | None = None,
    ) -> bytes:
        """One line of what the server takes.

        Args:
            message: the line without its end; what is not UTF-8 in it is replaced.
            place: the members ``level``, ``project`` and ``module``, perhaps others.
            attrs: more about it.
            is_cut: whether the line goes on beyond the message.
            at: when it was said, in microseconds since 1970; else it is now.
        """
        if is_cut or len(message) > LONGEST_LINE:
            # Not final: half a character at the cut is left out.
            text = _Decoder("replace").decode(message[:LONGEST_LINE]) + CUT_MARK
        else:
            text = message.decode(errors="replace")
        text = fitted(text, LONGEST_TEXT)
        self._last = max(time.time_ns() // 1000, self._last + 1)
        fields = {
            "id": _id(self._last),
            "ts": _instant(self._last if at is None else at),
            **place,
            "message": text,
            "host": self._host,
            "attrs": attrs,
        }
        return encode(fields).encode()


def _instant(microseconds: int) -> str:
    seconds, rest = divmod(microseconds, _MILLION)
    whole = datetime.fromtimestamp(seconds, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{rest:06d}Z"


def _id(microseconds: int) -> str:
    """A UUIDv7; the microseconds within the millisecond keep the order, the rest is random."""
    milliseconds, within = divmod(microseconds, 1000)
    head = f"{milliseconds:012x}"
    tail = f"{int.from_bytes(os.urandom(8), 'big') >> 2 | 1 << 63:016x}"
    return f"{head[:8]}-{head[8:]}-7{within * 4:03x}-{tail[:4]}-{tail[4:]}"
