"""Messages that were read last, for the many who have missed the same ones."""

from collections import OrderedDict
from typing import Final

from notilog.realtime.messages import Encoded

MOST_BYTES: Final = 8 * 2**20
"""Of the messages as they were published; taken apart they have a few times as many."""


class Newest:
    """The newest messages of one epoch, within a bound."""

    def __init__(self) -> None:
        self._epoch = ""
        self._messages: OrderedDict[int, tuple[Encoded, int]] = OrderedDict()
        self._bytes = 0

    def keep(self, epoch: str, message: Encoded, *, size: int) -> None:
        """Remember one that has so many bytes."""
        if epoch != self._epoch:
            self._epoch, self._bytes = epoch, 0
            self._messages.clear()
        if message.offset in self._messages:
            return
        self._messages[message.offset] = message, size
        self._bytes += size
        while self._bytes > MOST_BYTES:
            _, (_, freed) = self._messages.popitem(last=False)
            self._bytes -= freed

    def get(self, epoch: str, offset: int) -> Encoded | None:
        """The message of that offset, if it is remembered."""
        if epoch != self._epoch:
            return None
        found = self._messages.get(offset)
        return None if found is None else found[0]
