"""Redaction: secrets that programs write into their logs are never stored. Pure.

Attributes are known by their names, at any depth; in texts it is what follows such a name, and
whatever the patterns of the settings match.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import Any, Final

import msgspec
import re2

from notilog.logs.record import WORDS, Record

REDACTED: Final = "[redacted]"
_TEXTS: Final = ("message", "stack_trace", *WORDS)
_ASSIGNED: Final = r"""["']?\s*[:=]\s*"""
_ASSIGNED_IN_JSON: Final = rb"""(?:(?:\\?["'])?(?:\s|\\[ntrf])*[:=]|(?:[^"\\]|\\.)*"\s*:)"""
_QUOTED: Final = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
_VALUE: Final = rf"""(?:{_QUOTED}|(?:(?:bearer|basic|digest|token)\s+)?[^\s,;&"'{{}}]+)"""
_HEADERS: Final = ("authorization", "cookie")
_LINE: Final = rf"""(?:{_QUOTED}|[^\r\n"']+)"""
"""What follows the name of a header goes on to the end of the line."""
_WORD_WITHIN: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ESCAPED: Final = b"\\u00"

_REMEMBERED: Final = 4096
_SHORT: Final = 64


class Redaction:
    """What to take out; made once for all records.

    Args:
        fields: names of attributes, compared without case, ``-`` being ``_``.
        patterns: regular expressions in the syntax of RE2, which takes linear time.

    Raises:
        ValueError: a pattern is not understood.
    """

    def __init__(self, fields: Sequence[str], patterns: Sequence[str]) -> None:
        self._names = tuple(dict.fromkeys(_plain(name) for name in fields if name.strip()))
        # A program has few attributes and writes them again and again.
        self._is_named_known = lru_cache(_REMEMBERED)(self._is_named)
        try:
            self._patterns = [re2.compile(pattern) for pattern in patterns]
        except re2.error as error:
            raise ValueError(f"not a regular expression: {error}") from error

    @cached_property
    def _needles(self) -> tuple[bytes, ...]:
        """What a body must contain for anything in it to be named so."""
        return tuple(
            spelling.encode()
            for name in self._names
            for spelling in dict.fromkeys(name.replace("_", link) for link in ("_", "-", ""))
        )

    @cached_property
    def _assigned(self) -> Any:
        """Finds a name in lower case that something is assigned to, in a text or as a key."""
        names = b"|".join(map(re.escape, self._needles))
        return re2.compile(b"(?:" + names + b")" + _ASSIGNED_IN_JSON)

    @cached_property
    def _named(self) -> list[Any]:
        of_line = [name for name in self._names if name.split("_")[-1] in _HEADERS]
        others = [name for name in self._names if name not in of_line]
        return [
            re2.compile(f"(?i)((?:{_either(names)}){_ASSIGNED}){value}")
            for names, value in ((of_line, _LINE), (others, _VALUE))
            if names
        ]

    def concerns(self, body: bytes) -> bool:
        """Whether anything in the body could have to be taken out: quick, and rarely wrong."""
        if self._patterns:
            return True
        lowered = body.lower()
        # A name may be written with escapes, which no program does without need.
        if _ESCAPED in lowered:
            return True
        # Most bodies end here; the second look costs more, and tells a name from prose.
        if not any(needle in lowered for needle in self._needles):
            return False
        return self._assigned.search(lowered) is not None

    def applied(self, record: Record) -> Record:
        """The record without what must not be stored."""
        changes: dict[str, Any] = {
            name: self.text(value)
            for name in _TEXTS
            if (value := getattr(record, name)) is not None
        }
        if record.attrs is not None:
            changes["attrs"] = self._value(record.attrs)
        return msgspec.structs.replace(record, **changes)

    def payload(self, payload: bytes) -> bytes:
        """What could not be read as a record, without what must not be stored."""
        if not self.concerns(payload):
            return payload
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return msgspec.json.encode(self._value(msgspec.json.decode(payload)))
        # Whatever bytes they are: each is a character, and comes back as it was.
        return self.text(payload.decode("latin-1")).encode("latin-1")

    def text(self, text: str) -> str:
        """The text without what must not be stored."""
        if self._names and ("=" in text or ":" in text):  # much cheaper than the search
            for named in self._named:
                text = named.sub(rf"\1{REDACTED}", text)
        for pattern in self._patterns:
            text = pattern.sub(REDACTED, text)
        return text

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: REDACTED if self._is_secret(name) else self._value(inner)
                for name, inner in value.items()
            }
        if isinstance(value, list):
            return [self._value(inner) for inner in value]
        return self.text(value) if isinstance(value, str) else value

    def _is_secret(self, name: str) -> bool:
        if len(name) > _SHORT:
            return self._is_named(name)
        return self._is_named_known(name)

    def _is_named(self, name: str) -> bool:
        within = f"_{_plain(_WORD_WITHIN.sub('_', name))}_"
        return any(f"_{known}_" in within for known in self._names)


def _either(names: Sequence[str]) -> str:
    return "|".join(re.escape(name).replace("_", "[_-]?") for name in names)


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "_")
