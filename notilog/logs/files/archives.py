"""Files that are closed: compressed, and deleted when they are too old or take too much."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import zstandard

from notilog.logs.files import paths
from notilog.logs.files.folder import TEMPORARY, Folder, beside

PUSH: Final = ".push"
"""The ending of the hidden file that remembers what became of sending a closed file."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A file that is written no more; ``size`` is in bytes."""

    name: str
    at: datetime
    size: int
    is_compressed: bool


def closed_files(folder: Folder) -> list[Closed]:
    """All of them, the oldest first."""
    return sorted(_closed_files(folder), key=lambda one: (one.at, one.name))


def _closed_files(folder: Folder) -> Iterator[Closed]:
    for name in folder.names():
        at = paths.closed_at(name)
        if at is None:
            continue
        try:
            descriptor = folder.open(name)
        except FileNotFoundError:
            continue
        try:
            size = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        yield Closed(name, at, size, paths.is_archive(name))


def compress(folder: Folder, name: str, *, level: int) -> None:
    """Replace a closed file by its archive; whenever this ends, one of them is there whole.

    Raises:
        OSError: the disk is full or broken; the file is as it was.
    """
    archive = name + paths.ARCHIVE
    if not folder.exists(archive):
        _write_archive(folder, name, archive, level=level)
    folder.remove(name)


def _write_archive(folder: Folder, name: str, archive: str, *, level: int) -> None:
    source = folder.open(name)
    try:
        compressor = zstandard.ZstdCompressor(level=level, write_checksum=True)
        size = os.fstat(source).st_size
        with folder.replacing(archive) as target, os.fdopen(source, "rb", closefd=False) as lines:
            with os.fdopen(target, "wb", closefd=False) as packed:
                compressor.copy_stream(lines, packed, size=size)
            os.utime(target, ns=(0, os.fstat(source).st_mtime_ns))
    finally:
        os.close(source)


def doomed(
    files: list[Closed], now: datetime, *, delete_days: float, delete_bytes: int
) -> list[Closed]:
    """Those of the files, the oldest first, that are to be deleted; 0 is without an end."""
    left = sum(one.size for one in files)
    found = []
    for one in files:
        too_old = 0 < delete_days <= (now - one.at) / timedelta(days=1)
        too_much = 0 < delete_bytes < left
        if too_old or too_much:
            found.append(one)
            left -= one.size
    return found


def delete(folder: Folder, name: str) -> None:
    """Delete a closed file and what is remembered of it."""
    folder.remove(name)
    folder.remove(beside(name, PUSH))


def sweep(folder: Folder) -> None:
    """Remove what dead processes left unfinished, and what is remembered of files long gone."""
    for name in folder.names(hidden=True):
        where, slash, part = name.rpartition("/")
        owner = where + slash + part.removeprefix(".").removesuffix(PUSH)
        is_orphan = part.endswith(PUSH) and not folder.exists(owner)
        if is_orphan or f"{TEMPORARY}-" in part:
            folder.remove(name)
