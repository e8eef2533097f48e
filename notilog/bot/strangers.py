"""Chats that nobody has linked: each is answered once a minute, so that a flood costs little."""

from collections import OrderedDict
from datetime import datetime, timedelta

PAUSE = timedelta(minutes=1)
MOST = 1000


class Strangers:
    """Whom this process has answered lately; only so many, for the order of magnitude matters."""

    def __init__(self) -> None:
        self._answered: OrderedDict[int, datetime] = OrderedDict()

    def may_hear(self, chat_id: int, *, now: datetime) -> bool:
        """Whether it is time for an answer to this chat, which then counts as given."""
        last = self._answered.get(chat_id)
        if last is not None and now - last < PAUSE:
            return False
        self._answered[chat_id] = now
        self._answered.move_to_end(chat_id)
        while len(self._answered) > MOST:
            self._answered.popitem(last=False)
        return True
