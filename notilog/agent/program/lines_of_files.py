"""One file that is followed: what it is known by, and its lines from an offset on."""

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from notilog.agent.program.records import LONGEST_LINE

CHUNK: Final = 256 * 1024
"""Bytes that are looked at in one go; more than the longest line."""
HEAD: Final = 1024
TAIL: Final = 256
"""Bytes at the beginning, and before the offset, by which a file is known again."""

Key = tuple[int, int]
"""Device and inode."""


class Truncated(Exception):
    """The file is not the one that was read: shorter, or with another beginning."""


@dataclass(frozen=True, slots=True)
class Line:
    """Bytes of a file that are read as one.

    Args:
        text: without the end of the line; empty when there is nothing to tell.
        start: offset of its first byte in the file.
        end: offset behind it.
        is_cut: the line has more than the text.
        goes_on: its end has not been reached; what follows up to there is passed over.
    """

    text: bytes
    start: int
    end: int
    is_cut: bool = False
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Print:
    """How the content up to an offset is known again, wherever it is by now."""

    offset: int
    head: tuple[int, str]
    tail: tuple[int, str]

    def fits(self, descriptor: int) -> bool:
        """Whether the file begins with this content."""
        head = os.pread(descriptor, self.head[0], 0)
        tail = os.pread(descriptor, self.tail[0], self.offset - self.tail[0])
        return _hashed(head) == self.head and _hashed(tail) == self.tail


@dataclass(frozen=True, slots=True)
class Saved:
    """A followed file as it is kept in the positions."""

    path: str
    key: Key
    print: Print
    goes_on: bool
    changed_ns: int

    def as_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "device": self.key[0],
            "inode": self.key[1],
            "offset": self.print.offset,
            "head": self.print.head,
            "tail": self.print.tail,
            "goes_on": self.goes_on,
            "changed_ns": self.changed_ns,
        }


def saved_of(given: dict[str, Any]) -> Saved:
    """What `Saved.as_json` made."""
    (head, head_hash), (tail, tail_hash) = given["head"], given["tail"]
    made = Print(given["offset"], (head, head_hash), (tail, tail_hash))
    key = (given["device"], given["inode"])
    return Saved(given["path"], key, made, given["goes_on"], given["changed_ns"])


class Followed:
    """An open file and how far it was read; while it is open its inode is nobody else's.

    Raises:
        OSError: it cannot be opened, or is no regular file.
        Truncated: it does not have the content of the print.
    """

    def __init__(self, path: str, *, known: Print | None = None, goes_on: bool = False) -> None:
        self.path = path
        self.offset = known.offset if known else 0
        self._goes_on = goes_on
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = self._checked(known)
        except (OSError, Truncated):
            self.close()
            raise
        self.key: Key = (status.st_dev, status.st_ino)
        self._data = b""
        self.size = status.st_size
        self.changed_ns = status.st_mtime_ns
        self._head = os.pread(self._descriptor, known.head[0] if known else HEAD, 0)
        tail = known.tail[0] if known else 0
        self._tail = os.pread(self._descriptor, tail, self.offset - tail)

    def _checked(self, known: Print | None) -> os.stat_result:
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{self.path} is no regular file")
        if known is not None and not known.fits(self._descriptor):
            raise Truncated(self.path)
        return status

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    @property
    def print(self) -> Print:
        return Print(self.offset, _hashed(self._head), _hashed(self._tail))

    @property
    def saved(self) -> Saved:
        return Saved(self.path, self.key, self.print, self._goes_on, self.changed_ns)

    @property
    def head(self) -> bytes:
        """The first bytes, as far as they were seen."""
        return self._head

    @property
    def is_unseen(self) -> bool:
        """Whether it has been empty so far."""
        return not self._head

    @property
    def lag(self) -> int:
        """Bytes that were there and are not read yet."""
        return max(0, self.size - self.offset)

    @property
    def is_deleted(self) -> bool:
        return os.fstat(self._descriptor).st_nlink == 0

    def look(self) -> bool:
        """Whether it has grown since the last look; takes note of its size.

        Raises:
            Truncated: it is shorter than what was read.
        """
        status = os.fstat(self._descriptor)
        if status.st_size < max(self.offset, len(self._head)):
            raise Truncated(self.path)
        grown = status.st_size > self.size
        self.size = status.st_size
        if self.size:  # an empty one may have been filled, copied and emptied meanwhile
            self.changed_ns = status.st_mtime_ns
        return grown

    def peek(self, most: int, *, is_final: bool) -> Sequence[Line]:
        """The next lines, without moving behind them.

        Args:
            most: lines at the most.
            is_final: take the last line though it has no end yet.

        Raises:
            Truncated: the file was begun anew, so that nobody knows which content this is.
        """
        data = os.pread(self._descriptor, CHUNK, self.offset)
        self.check()  # after reading: begun anew before or after that, it shows here
        self._data = data
        return _lines(data, self.offset, most=most, is_final=is_final, goes_on=self._goes_on)

    def check(self) -> None:
        """See whether what was read is still there.

        Raises:
            Truncated: the file was begun anew.
        """
        head = os.pread(self._descriptor, HEAD, 0)
        tail = os.pread(self._descriptor, len(self._tail), self.offset - len(self._tail))
        if not head.startswith(self._head) or tail != self._tail:
            raise Truncated(self.path)
        self._head = head

    def move(self, last: Line) -> None:
        """Go on behind a line of the last peek."""
        self._tail = (self._tail + self._data[: last.end - self.offset])[-TAIL:]
        self.offset = last.end
        self._goes_on = last.goes_on
        self._data = b""

    def move_to_end(self) -> None:
        """Pass over everything that is there."""
        self.offset = self.size
        self._head = os.pread(self._descriptor, min(HEAD, self.size), 0)
        least = max(0, self.size - TAIL)
        self._tail = os.pread(self._descriptor, self.size - least, least)


def begins_like(path: str, head: bytes) -> bool:
    """Whether there is a file with a part of these bytes at its beginning, or with none yet."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return head.startswith(os.pread(descriptor, len(head), 0))
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _lines(data: bytes, offset: int, *, most: int, is_final: bool, goes_on: bool) -> Sequence[Line]:
    found: list[Line] = []
    place = 0
    while place < len(data) and len(found) < most:
        end = data.find(b"\n", place)
        start, has_end = place, end >= 0
        length = (end if has_end else len(data)) - place
        place = end + 1 if has_end else len(data)
        if goes_on:
            found.append(Line(b"", offset + start, offset + place, goes_on=not has_end))
        elif has_end or length > LONGEST_LINE or is_final:
            cut = length > LONGEST_LINE
            text = data[start : start + min(length, LONGEST_LINE)]
            text = text if cut else text.removesuffix(b"\r")
            open_end = cut and not has_end
            found.append(Line(text, offset + start, offset + place, cut, open_end))
        else:
            break
        goes_on = False
    return found


def _hashed(data: bytes) -> tuple[int, str]:
    return len(data), hashlib.blake2b(data, digest_size=16).hexdigest()
