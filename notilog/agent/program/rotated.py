"""The names that rotation gives to files, and which of two rotated files is the older one."""

import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from notilog.agent.program.lines_of_files import Key

COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip")

_NUMBER: Final = re.compile(r"[.\-_](\d{1,5})", re.ASCII)
_DATE: Final = re.compile(r"[.\-_]\d[\d.\-_:T]{5,30}", re.ASCII)
_OLD: Final = re.compile(r"[.\-_](old|bak|prev|0)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file of a folder."""

    path: str
    key: Key
    size: int
    changed_ns: int


def entries_of(folder: str) -> list[Entry]:
    """The regular files of a folder; none when it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            paths = [entry.path for entry in entries]
    except OSError:
        return []
    return [found for path in paths if (found := entry_of(path)) is not None]


def entry_of(path: str) -> Entry | None:
    """The regular file at the path, through links, or None."""
    try:
        status = os.stat(path)  # noqa: PTH116  many times a second
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Entry(path, (status.st_dev, status.st_ino), status.st_size, status.st_mtime_ns)


def is_rotated(path: str, base: str) -> bool:
    """Whether rotation may have given this name to the file ``base``."""
    return _suffix(path, base) is not None


def number_of(path: str, base: str) -> int | None:
    """The number of ``app.log.3``: the higher, the older; None for other names."""
    match = _NUMBER.fullmatch(_suffix(path, base) or "")
    return int(match[1]) if match else None


def newer_than(
    entries: Iterable[Entry], base: str, *, path: str, changed_ns: int
) -> Sequence[Entry]:
    """Those that rotation made of ``base`` after it had made the file at ``path``, oldest first.

    Args:
        entries: files with rotated names.
        base: the path of the log itself.
        path: where the older one is; by its number, if it has one, those after it are known.
        changed_ns: when the older one was last written, for names without numbers.
    """
    number = number_of(path, base)
    newer = []
    for entry in entries:
        own = number_of(entry.path, base)
        if number is not None and own is not None:
            is_newer = own < number
        else:
            is_newer = entry.changed_ns > changed_ns
        if is_newer:
            newer.append((-1 if own is None else own, entry))
    if all(own >= 0 for own, _ in newer):
        return [entry for _, entry in sorted(newer, key=lambda pair: -pair[0])]
    return sorted((entry for _, entry in newer), key=lambda entry: (entry.changed_ns, entry.path))


def _suffix(path: str, base: str) -> str | None:
    """What rotation has put into the name, or None."""
    own, known = PurePath(path), PurePath(base)
    if own.parent != known.parent or own.name == known.name:
        return None
    for before, after in ((known.name, ""), (known.stem, known.suffix)):
        if own.name.startswith(before) and own.name.endswith(after):
            middle = own.name[len(before) : len(own.name) - len(after)]
            if any(form.fullmatch(middle) for form in (_NUMBER, _DATE, _OLD)):
                return middle
    return None
