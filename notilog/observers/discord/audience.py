"""Those who listen to a connection: each is told, whatever becomes of the others."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from notilog.observers.voice.heard import Listener

log = structlog.get_logger(__name__)

Word = Callable[[Listener], None]


@dataclass(eq=False, slots=True)
class _Seat:
    listener: Listener
    is_informed: bool
    """Whether all that is known reached them, or will with what follows."""


class Audience:
    """Listeners, in the order in which they came."""

    def __init__(self) -> None:
        self._seats: list[_Seat] = []

    def __len__(self) -> int:
        return len(self._seats)

    def admit(self, listener: Listener, *, is_informed: bool) -> None:
        self._seats.append(_Seat(listener, is_informed))

    def dismiss(self, listener: Listener) -> None:
        self._seats = [one for one in self._seats if one.listener is not listener]

    def tell(self, word: Word) -> None:
        for seat in self._seats:
            say(seat.listener, word)

    def tell_uninformed(self, word: Word) -> None:
        """Tell only those who do not know what is known."""
        for seat in self._seats:
            if not seat.is_informed:
                say(seat.listener, word)

    def all_informed(self) -> None:
        for seat in self._seats:
            seat.is_informed = True


def say(listener: Listener, word: Word) -> None:
    """Tell one; a listener that fails, which none should, is not allowed to end the connection."""
    try:
        word(listener)
    except Exception:
        log.exception("discord_listener_failed", listener=type(listener).__name__)
