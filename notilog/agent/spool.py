"""Batches on disk until the server has them: one file each, oldest first.

Several processes may share the folder. A file is sent by whoever holds its lock (`flock`), which
ends with its process, so what a killed one leaves is sent by the others or by the next.
"""

import os
import re
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from notilog.agent.batches import Batch

if sys.platform != "win32":
    import fcntl

_NAME: Final = re.compile(r"\d{20}-\d{1,6}-[0-9a-f]{32}\.ndjson\.gz", re.ASCII)
_SUFFIX: Final = ".ndjson.gz"
_PART: Final = ".part"
_PART_LIVES: Final = 3600.0
_MEASURE_EVERY: Final = 60.0
_BLOCK: Final = 512


@dataclass(frozen=True, slots=True)
class SpoolClaim:
    """The file of a batch, locked."""

    batch: Batch
    spool: "Spool"
    name: str
    descriptor: int

    def done(self) -> None:
        self.spool.remove(self)

    def release(self) -> None:
        self.spool.put_back(self)


class Spool:
    """The batches of one destination.

    Args:
        folder: made when it is needed, for nobody else to read.
        most_bytes: beyond these on disk, the oldest batches are removed and counted.

    Raises:
        ValueError: this system has no `flock`.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        if sys.platform == "win32":
            raise ValueError("a spool needs flock, which this system has not")
        self.removed = 0
        """Records that were given up for want of room."""
        self._folder = folder
        self._most = most_bytes
        self._bytes = 0
        self._measured_at = -_MEASURE_EVERY
        self._listed: deque[str] = deque()
        self._own: set[str] = set()
        self._held: set[int] = set()

    def put(self, batch: Batch) -> None:
        """Write the batch; it is on disk when this returns.

        Raises:
            OSError: it could not be written.
        """
        name = f"{time.time_ns():020d}-{batch.records}-{batch.key}{_SUFFIX}"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self._folder / (name + _PART)
        try:
            size = _write(part, batch.body)
            self._own.add(name)
            part.rename(self._folder / name)
        except OSError:
            self._own.discard(name)
            with suppress(OSError):
                part.unlink()
            raise
        _sync_folder(self._folder)
        with suppress(OSError):  # the batch is written, and there will be other occasions
            self._make_room(size)

    def claim(self) -> SpoolClaim | None:
        """The oldest batch that nobody else holds.

        Raises:
            OSError: the folder cannot be read.
        """
        claimed = self._next_listed()
        if claimed is None:
            self._listed.extend(self._names())
            claimed = self._next_listed()
        return claimed

    def remove(self, claim: SpoolClaim) -> None:
        """Delete the file while its lock is held, so that nobody sends it again."""
        self._own.discard(claim.name)
        try:
            (self._folder / claim.name).unlink(missing_ok=True)
        except OSError:
            return  # it stays locked: nobody sends it again before this process ends
        self._let_go(claim)

    def put_back(self, claim: SpoolClaim) -> None:
        """Give the lock up; the batch stays the next one."""
        self._listed.appendleft(claim.name)
        self._let_go(claim)

    def has_own(self) -> bool:
        """Whether a batch that was put here is still there."""
        for name in tuple(self._own):
            if (self._folder / name).exists():
                return True
            self._own.discard(name)
        return False

    def abandon(self) -> None:
        """In a forked child: close what is the parent's, without giving up its locks."""
        for descriptor in self._held:
            with suppress(OSError):
                os.close(descriptor)
        self._held.clear()

    def _names(self) -> list[str]:
        try:
            with os.scandir(self._folder) as entries:
                return sorted(entry.name for entry in entries if _NAME.fullmatch(entry.name))
        except FileNotFoundError:
            return []

    def _next_listed(self) -> SpoolClaim | None:
        while self._listed:
            claimed = self._claim(self._listed.popleft())
            if claimed is not None:
                return claimed
        return None

    def _claim(self, name: str) -> SpoolClaim | None:
        descriptor = self._lock(name)
        if descriptor is None:
            return None
        try:
            body = _read(descriptor)
        except OSError:
            os.close(descriptor)
            return None
        self._held.add(descriptor)
        _, records, key = name.removesuffix(_SUFFIX).split("-")
        return SpoolClaim(Batch(key, int(records), body), self, name, descriptor)

    def _lock(self, name: str) -> int | None:
        """The file's descriptor with the lock; None when somebody holds it, or it is gone."""
        try:
            descriptor = os.open(self._folder / name, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        os.close(descriptor)
        return None

    def _let_go(self, claim: SpoolClaim) -> None:
        self._held.discard(claim.descriptor)
        with suppress(OSError):
            os.close(claim.descriptor)

    def _make_room(self, written: int) -> None:
        """Measure now and then, and count on from there: others write here, too."""
        self._bytes += written
        now = time.monotonic()
        if self._bytes <= self._most and now - self._measured_at < _MEASURE_EVERY:
            return
        self._measured_at = now
        sizes = dict(self._measured())
        self._bytes = sum(sizes.values())
        for name in sorted(sizes):
            if self._bytes <= self._most:
                break
            self._give_up(name, sizes[name])

    def _measured(self) -> Iterator[tuple[str, int]]:
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if _NAME.fullmatch(entry.name):
                        yield entry.name, _on_disk(entry.stat())
                    elif entry.name.endswith(_PART):
                        _remove_forgotten(entry)

    def _give_up(self, name: str, size: int) -> None:
        descriptor = self._lock(name)
        if descriptor is None:
            return
        with suppress(FileNotFoundError):
            (self._folder / name).unlink()
            self.removed += int(name.split("-")[1])
            self._bytes -= size
        self._own.discard(name)
        os.close(descriptor)


def _write(path: Path, body: bytes) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(descriptor)
        return _on_disk(os.fstat(descriptor))


def _read(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _on_disk(status: os.stat_result) -> int:
    return max(status.st_size, status.st_blocks * _BLOCK)


def _remove_forgotten(entry: "os.DirEntry[str]") -> None:
    """What a process that was killed had begun to write."""
    if time.time() - entry.stat().st_mtime > _PART_LIVES:
        Path(entry.path).unlink()
