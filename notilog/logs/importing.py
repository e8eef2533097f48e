"""Records from log files: found format, parsed lines, and ids that come out the same again.

An id is made of the record, its place and all records of the file before it. So the same content
with the same options is stored once, whatever the file is called, however it is compressed, and
wherever a first attempt ended; what was appended since is new.
"""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import chain, islice
from typing import Any, Final
from uuid import UUID

import msgspec

from notilog.errors import Invalid
from notilog.logs.formats import FORMATS, recognised
from notilog.logs.formats.format import Defaults, Entry, Format
from notilog.logs.loading import Piece
from notilog.logs.text_files import TextFile

AUTO: Final = "auto"

_FIRST_LINES: Final = 50
_DIGEST: Final = 16
_PLACES: Final = 2**48
_UPPER: Final = 2**12
_LOWER: Final = 2**62
_encode: Final = msgspec.json.Encoder().encode


def read(
    file: TextFile, name: str, *, defaults: Defaults, longest: int
) -> tuple[str, Iterator[Piece]]:
    """The format of an open file, and its records.

    Args:
        file: it is read as the records are.
        name: of the format; ``auto`` finds it by the first lines.
        defaults: ``at`` is the time of records that have none.
        longest: bytes of a line of which no more is read.

    Raises:
        Invalid: no format fits the first lines.
    """
    lines = map(_text, file.lines(longest))
    begin = list(islice(lines, _FIRST_LINES))
    if name == AUTO:
        name = _recognised(begin, file)
    stable = file.modified is not None
    return name, _pieces(FORMATS[name], chain(begin, lines), defaults, stable=stable)


def named_format(name: str) -> str:
    """The same name.

    Raises:
        Invalid: there is no such format.
    """
    if name not in (AUTO, *FORMATS):
        raise Invalid.field("format", f"{name!r} is none of {AUTO}, {', '.join(FORMATS)}")
    return name


def _recognised(begin: list[str], file: TextFile) -> str:
    found = recognised(begin)
    if found is not None:
        return found
    if any(line.strip() for line in begin):
        reason = f"the format is not recognised; name it with --format: {', '.join(FORMATS)}"
        raise Invalid.field(file.name, file.damage or reason)
    return next(iter(FORMATS))  # there is nothing to parse


def _text(line: bytes) -> str:
    r"""The line as text that loses nothing: what is not UTF-8, or NUL, is seen as ``\x00``."""
    return line.decode(errors="backslashreplace").replace("\0", "\\x00")


def _pieces(
    format_: Format, lines: Iterable[str], defaults: Defaults, *, stable: bool
) -> Iterator[Piece]:
    digest = b""
    for entry in format_.parse(lines, defaults=defaults):
        body = _encode(entry.fields)
        digest = blake2b(digest + body, digest_size=_DIGEST).digest()
        own: dict[str, Any] = {}
        if "id" not in entry.fields:
            own["id"] = _id(entry, digest)
        if "ts" not in entry.fields:
            own["ts"] = defaults.at
        if own:
            body = _encode(own)[:-1] + b"," + body[1:]
        untimed = "ts" in own and not stable
        yield Piece(entry.number, body, digest.hex() if untimed else "")


def _id(entry: Entry, digest: bytes) -> UUID:
    """A UUID of version 8: the place, which keeps lines of one instant in order, and the digest."""
    value = int.from_bytes(digest, "big")
    return UUID(
        int=entry.number % _PLACES << 80
        | 8 << 76
        | value % _UPPER << 64
        | 0b10 << 62
        | (value // _UPPER) % _LOWER
    )
