"""A file that is being written: by one process at a time, a batch at once, or not at all.

Every such file has an entry in ``.live``. Its lock is held by who writes, and it remembers the
length that the file had before: whoever takes the lock after one that died in the middle cuts the
file back to that. So there is no half line, and what was cut off comes again with its batch.
"""

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from typing import Final

from notilog import clock
from notilog.errors import Unavailable
from notilog.logs.files import paths
from notilog.logs.files.folder import Folder

ENTRIES: Final = ".live"

_HEAD: Final = struct.Struct("!4sqd")  # what it is; length to go back to, or -1; begun at, in s
_MAGIC: Final = b"NLF1"
_WHOLE: Final = -1
_LONGEST_ENTRY: Final = 16 * 1024
_PATIENCE: Final = 5.0
_PAUSE: Final = 0.002
_BLOCK: Final = 64 * 1024


def key(name: str) -> str:
    """How the entry of a file is called."""
    return sha256(name.encode()).hexdigest()[:40]


def keys(folder: Folder) -> set[str]:
    """The entries of all files that are being written."""
    try:
        with folder.inside(ENTRIES) as at:
            return set(os.listdir(at))  # noqa: PTH208  a descriptor is no path
    except FileNotFoundError:
        return set()


class LiveFile:
    """A file whose lock this process holds.

    Args:
        folder: where it lies.
        name: its name there.
        entry: the descriptor of its entry.
    """

    def __init__(self, folder: Folder, name: str, entry: int) -> None:
        self._folder = folder
        self._name = name
        self._entry = entry
        self._before, self.begun_at = _journal(entry)
        self.last_used_at = os.fstat(entry).st_mtime
        """Seconds since the epoch."""

    def append(self, data: bytes, *, now: datetime) -> None:
        """Write all of it, or nothing.

        Raises:
            OSError: the disk is full, or broken.
        """
        descriptor = self._folder.open(self._name, os.O_RDWR | os.O_APPEND, make=True)
        try:
            before = self._repaired(descriptor)
            self._note(before, begun_at=self.begun_at if before else now.timestamp())
            try:
                _write(descriptor, data)
            except OSError:
                os.ftruncate(descriptor, before)
                self._note(_WHOLE)
                raise
            self._note(_WHOLE)
        finally:
            os.close(descriptor)

    def size(self) -> int:
        """Its length in bytes, without what a dead process left unfinished; 0 if there is none."""
        try:
            descriptor = self._folder.open(self._name, os.O_RDWR)
        except FileNotFoundError:
            return 0
        try:
            return self._repaired(descriptor)
        finally:
            os.close(descriptor)

    def close(self, *, now: datetime) -> str | None:
        """Give it the name of a closed file, which it returns; None when there is nothing in it."""
        if not self.size():
            return None
        number = 1
        while True:
            name = paths.closed(self._name, at=now, number=number)
            if not (self._folder.exists(name) or self._folder.exists(name + paths.ARCHIVE)):
                self._folder.rename(self._name, name)
                return name
            number += 1

    def forget(self) -> None:
        """Remove its entry, and an empty file: it is not being written any more."""
        if not self.size():
            self._folder.remove(self._name)
            self._folder.remove(f"{ENTRIES}/{key(self._name)}")

    def _repaired(self, descriptor: int) -> int:
        """The length of the file, once what is not finished at its end is cut off."""
        size = os.fstat(descriptor).st_size
        whole = size if self._before == _WHOLE else min(size, self._before)
        # After a power failure the disk may hold another state of the file than of the entry.
        whole = end_of_lines(descriptor, whole)
        if whole < size:
            os.ftruncate(descriptor, whole)
        self._note(_WHOLE)
        return whole

    def _note(self, before: int, *, begun_at: float | None = None) -> None:
        if begun_at is not None:
            self.begun_at = begun_at
        if (before, begun_at) == (self._before, None):
            return
        self._before = before
        # A page of the kernel's cache is written as a whole, whenever this process may die.
        os.pwrite(self._entry, _HEAD.pack(_MAGIC, before, self.begun_at), 0)


@contextmanager
def held(folder: Folder, name: str) -> Iterator[LiveFile]:
    """The file, which nobody else writes, closes or forgets while the block runs.

    Raises:
        Unavailable: another process has held it for too long.
    """
    with _locked(folder, key(name)) as entry:
        if not os.fstat(entry).st_size:
            first = _HEAD.pack(_MAGIC, _WHOLE, clock.now().timestamp())
            os.pwrite(entry, first + name.encode(), 0)
        yield LiveFile(folder, name, entry)


def name_of(folder: Folder, entry_key: str) -> str | None:
    """The name of the file that an entry belongs to; None when it is gone, or damaged."""
    try:
        entry = folder.open(f"{ENTRIES}/{entry_key}")
    except FileNotFoundError:
        return None
    try:
        content = os.pread(entry, _LONGEST_ENTRY, 0)
    finally:
        os.close(entry)
    name = content[_HEAD.size :].decode(errors="replace")
    return name if key(name) == entry_key else None


def discard(folder: Folder, entry_key: str) -> None:
    """Remove an entry whose process died before it had written whose it is."""
    with _locked(folder, entry_key):
        if name_of(folder, entry_key) is None:
            folder.remove(f"{ENTRIES}/{entry_key}")


def end_of_lines(descriptor: int, size: int) -> int:
    """Where the last whole line ends within the first ``size`` bytes of a file."""
    while size:
        start = max(0, size - _BLOCK)
        found = os.pread(descriptor, size - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        size = start
    return 0


@contextmanager
def _locked(folder: Folder, entry_key: str) -> Iterator[int]:
    with folder.inside(ENTRIES, make=True) as at:
        while True:
            entry = folder.open(f"{ENTRIES}/{entry_key}", os.O_RDWR, make=True)
            try:
                _lock(entry)
                if _is_named(entry, entry_key, at):  # nobody has forgotten it meanwhile
                    yield entry
                    return
            finally:
                os.close(entry)


def _lock(entry: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(entry, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        if time.monotonic() > deadline:
            raise Unavailable(f"another process has held a file for more than {_PATIENCE:g} s")
        time.sleep(_PAUSE)


def _is_named(entry: int, entry_key: str, at: int) -> bool:
    try:
        named = os.stat(entry_key, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(entry))


def _journal(entry: int) -> tuple[int, float]:
    content = os.pread(entry, _HEAD.size, 0)
    if len(content) < _HEAD.size:
        return _WHOLE, clock.now().timestamp()
    magic, before, begun_at = _HEAD.unpack(content)
    return (before, begun_at) if magic == _MAGIC else (_WHOLE, clock.now().timestamp())


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
