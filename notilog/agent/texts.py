"""Texts as the server stores them: no NUL, no half characters, and no longer than it allows."""

from collections.abc import Callable
from typing import Final

WORD_LENGTH: Final = 200
_MARK_BYTES: Final = 64


def shown(value: object, *, by: Callable[[object], str] = repr) -> str:
    """What ``by`` makes of any value, or, when its own code fails, the name of its type."""
    try:
        return by(value)
    except Exception:  # noqa: BLE001  it is the program's own code
        return f"<{type(value).__name__} that cannot be shown>"


def fitted(text: str, limit: int, *, keep_end: bool = False) -> str:
    """The text in at most ``limit`` bytes of UTF-8, with a mark where it was cut.

    Args:
        text: anything.
        limit: at least 128.
        keep_end: cut the beginning off rather than the end.
    """
    if len(text) <= limit and text.isascii() and "\0" not in text:
        return text
    # A character has a byte at least, so what lies beyond the limit need not be looked at.
    part = text[-limit - 1 :] if keep_end else text[: limit + 1]
    data = part.replace("\0", "\\0").encode(errors="backslashreplace")
    if len(data) <= limit:
        return data.decode()
    mark, room = f"[cut, of {len(text)} characters]", limit - _MARK_BYTES
    if keep_end:
        return f"{mark} …{data[-room:].decode(errors='ignore')}"
    return f"{data[:room].decode(errors='ignore')}… {mark}"


def word(text: str) -> str:
    """A short text, such as a name: 200 characters at most."""
    cut = text if len(text) <= WORD_LENGTH else f"{text[: WORD_LENGTH - 1]}…"
    return fitted(cut, WORD_LENGTH * 4)[:WORD_LENGTH]
