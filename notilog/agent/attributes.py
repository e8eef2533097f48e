"""A record's attributes as JSON that the server takes, whatever objects a program gave."""

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from notilog.agent.texts import fitted, shown, word

LIMIT: Final = 32 * 1024
"""Bytes of all attributes of a record, as JSON."""
CUT: Final = "attrs_cut"
"""The attribute that says how many others did not fit."""

_RESERVE: Final = 256
_LEAST_ROOM: Final = 2048
_LONGEST_NAME: Final = 1280
_DEEPEST: Final = 16
_MOST_VALUES: Final = LIMIT // 4
_LARGEST_INT: Final = 2**63

encode: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
).encode


def attrs_of(extra: Mapping[str, object]) -> dict[str, Any]:
    """JSON values of the same names: containers as they are, what JSON has not by its repr.

    One that is too large becomes a text that is cut; one that does not fit at all is counted.
    """
    safe = _Safe()
    attrs = {word(shown(key, by=str)): safe.value(given) for key, given in extra.items()}
    if len(encode(attrs).encode()) <= LIMIT - _RESERVE:
        return attrs
    return _fitting(attrs)


def _fitting(attrs: dict[str, Any]) -> dict[str, Any]:
    kept, room = dict[str, Any](), LIMIT - _RESERVE
    for name, value in attrs.items():
        size = _size(name, value)
        if size > room > _LEAST_ROOM:
            kept[name] = _shortened(value, room - _LONGEST_NAME)
            room -= _size(name, kept[name])
        elif size <= room:
            kept[name] = value
            room -= size
    if len(kept) < len(attrs):
        kept[CUT] = len(attrs) - len(kept)
    return kept


def _shortened(value: Any, room: int) -> str:
    """A text that fits; quoting may make six bytes of one."""
    text = value if isinstance(value, str) else encode(value)
    limit = room
    while len(encode(short := fitted(text, limit)).encode()) > room:
        limit //= 2
    return short


def _size(name: str, value: Any) -> int:
    return len(encode(name).encode()) + len(encode(value).encode()) + 2


class _Safe:
    """Makes values safe until there are more than a record could hold; loops end by that, too."""

    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def value(self, given: object, depth: int = 0) -> Any:
        self._left -= 1
        match given:
            case None | bool():
                return given
            case int() if -_LARGEST_INT <= given < _LARGEST_INT:
                return int(given)
            case float() if math.isfinite(given):
                return float(given)
            case str():
                return fitted(given, LIMIT)
            case dict() | list() | tuple():
                return self._container(given, depth)
        return fitted(shown(given), LIMIT)

    def _container(self, given: "dict[Any, Any] | list[Any] | tuple[Any, ...]", depth: int) -> Any:
        if depth >= _DEEPEST or self._left <= 0:
            return "…"
        try:
            if isinstance(given, dict):
                return {
                    word(shown(key, by=str)): self.value(inner, depth + 1)
                    for key, inner in self._some(given.items())
                }
            return [self.value(inner, depth + 1) for inner in self._some(given)]
        except Exception:  # noqa: BLE001  changed by another thread meanwhile, or of a broken class
            return fitted(shown(given), LIMIT)

    def _some(self, items: Any) -> Any:
        for item in items:
            if self._left <= 0:
                return
            yield item
