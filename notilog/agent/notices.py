"""What the handler itself has to say: on stderr, each thing once until it changes."""

import sys
from contextlib import suppress


class Notices:
    """Says what is new; there is nobody else to tell when logs cannot be sent."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def say(self, about: str, text: str) -> None:
        """Write the text, unless it is what was last said about this."""
        if self._last.get(about) == text:
            return
        self._last[about] = text
        _write(text)

    def settled(self, about: str, text: str) -> None:
        """Say that it is over, if anything was said."""
        if self._last.pop(about, None) is not None:
            _write(text)


def _write(text: str) -> None:
    with suppress(Exception):  # stderr may be closed, or None
        sys.stderr.write(f"notilog: {text}\n")
        sys.stderr.flush()
