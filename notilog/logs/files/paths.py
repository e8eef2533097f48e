"""Names of files: made from a template and a record's fields, and never leading out of the folder.

A name is relative, its parts divided by ``/``. No value of a record brings ``/``, ``@`` or ``~``
into it, nor a dot where a part begins. So ``@`` marks what NotiLog itself names: files that are
closed (``cart@20260120T101500Z-001.log``), and those for records beyond the limit of files.
"""

import re
import string
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final

FIELDS: Final = (
    *("project", "module", "level", "host", "service", "environment", "logger"),
    "date",
)
OF_PROJECT: Final = "{project}/"
ARCHIVE: Final = ".zst"
ABSENT: Final = "-"
OTHER: Final = "@other.log"
"""Where records go whose own file would be one too many."""

_LONGEST_PART: Final = 200  # bytes; 255 are possible, and a closed file's name is longer
_LEAST_ROOM: Final = 40  # bytes for each field of a part
_DIGEST: Final = 16
_PLAIN: Final = frozenset(string.ascii_letters + string.digits + "._-")
_LITERAL: Final = re.compile(r"[\w .+=,-]*(?:/[\w .+=,-]*)*")
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_CLOSED: Final = re.compile(r"@(\d{8}T\d{6}Z)-\d{3,}(?=\.|$)")


class Template:
    """How names are made, such as ``{project}/{module}.log``.

    Args:
        text: parts divided by ``/``, with `FIELDS` in braces.

    Raises:
        ValueError: it could lead somewhere else, names no such field, or is too long.
    """

    def __init__(self, text: str) -> None:
        self._parts = [_Part(part) for part in _checked(text).split("/")]
        self.fields = tuple(dict.fromkeys(name for part in self._parts for name in part.fields))
        """The fields that names are made from."""
        self.by_project = text.startswith(OF_PROJECT)
        """Whether every project has a folder of its own."""

    def name(self, values: Sequence[str | None]) -> str:
        """The name for the values of ``fields``, in their order; another name for other values."""
        named = dict(zip(self.fields, values, strict=True))
        return "/".join(part.filled(named) for part in self._parts)

    def project_folder(self, project: str) -> str | None:
        """The folder, with ``/`` at its end, that holds a project's files and no others."""
        return self._parts[0].filled({"project": project}) + "/" if self.by_project else None


class _Part:
    """One part of a template: texts and fields in turn."""

    def __init__(self, text: str) -> None:
        self._pieces = [(literal, name) for literal, name, _, _ in string.Formatter().parse(text)]
        self.fields = [name for _, name in self._pieces if name]
        fixed = sum(len(literal.encode()) for literal, _ in self._pieces)
        self._room = (_LONGEST_PART - fixed) // max(1, len(self.fields))
        if self._room < _LEAST_ROOM:
            raise ValueError(f"{text!r} is too long for the name of a file")

    def filled(self, values: dict[str, str | None]) -> str:
        return "".join(
            literal + (safe(values[name], room=self._room) if name else "")
            for literal, name in self._pieces
        )


def _checked(text: str) -> str:
    try:
        pieces = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"is not a template: {error}") from error
    for literal, name, form, conversion in pieces:
        if name is not None and (name not in FIELDS or form or conversion):
            known = ", ".join(f"{{{field}}}" for field in FIELDS)
            raise ValueError(f"may have {known} in it, as they stand here, and no other")
        if not _LITERAL.fullmatch(literal):
            raise ValueError("may have letters, digits and _-.+=, between the fields")
    if any(not part or part.startswith(".") or part != part.strip() for part in text.split("/")):
        raise ValueError("must be the relative path of a file, no part of which begins with a dot")
    return text


@lru_cache(maxsize=20_000)
def safe(value: str | None, *, room: int = _LONGEST_PART) -> str:
    """A value as a piece of one part of a name; the same for no other value.

    Letters and digits of every script stay as they are, other characters are percent-encoded. What
    is longer than ``room`` bytes ends in a digest of it.
    """
    if not value:
        return ABSENT
    if value == ABSENT:
        return _encoded(value)
    characters = [_character(one) for one in value]
    if value[0] == ".":
        characters[0] = _encoded(".")
    whole = "".join(characters)
    if len(whole.encode()) <= room:
        return whole
    digest = sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{_first(characters, room - _DIGEST - 1)}~{digest}"


def _first(characters: Sequence[str], room: int) -> str:
    """As many of the encoded characters as fit; none of them in part."""
    kept, size = [], 0
    for one in characters:
        size += len(one.encode())
        if size > room:
            break
        kept.append(one)
    return "".join(kept)


def _character(one: str) -> str:
    if one in _PLAIN:
        return one
    # A file system may normalise names: what has several spellings is kept from being one of them.
    is_letter = one.isalnum() and not one.isascii() and unicodedata.is_normalized("NFKC", one)
    return one if is_letter else _encoded(one)


def _encoded(one: str) -> str:
    return "".join(f"%{byte:02X}" for byte in one.encode("utf-8", "surrogatepass"))


def closed(name: str, *, at: datetime, number: int) -> str:
    """The name of a file from when it is written no more; ``number`` is from 1 on."""
    folder, slash, part = name.rpartition("/")
    stem, dot, ending = part.rpartition(".")
    if not stem:
        stem, dot, ending = part, "", ""
    stamp = at.astimezone(UTC).strftime(_STAMP)
    return f"{folder}{slash}{stem}@{stamp}-{number:03}{dot}{ending}"


def closed_at(name: str) -> datetime | None:
    """When a closed or archived file was closed; None of any other."""
    found = _CLOSED.search(name.rpartition("/")[2])
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def is_archive(name: str) -> bool:
    """Whether this is a closed file that was compressed."""
    return name.endswith(ARCHIVE) and closed_at(name) is not None


def is_proper(name: str) -> bool:
    """Whether a name from outside can be one of ours: below the folder, nothing hidden."""
    return all(part and not part.startswith(".") for part in name.split("/")) and (
        name.isprintable()
    )
