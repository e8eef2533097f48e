"""Batches on their way to the server, and what becomes of them by its answers."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final
from uuid import NAMESPACE_OID, UUID, uuid5

from notilog.agent.batches import Batch, halves
from notilog.agent.notices import Notices
from notilog.agent.program.journal import Journal, Spooled

MOST_UNANSWERED: Final = 4
ANSWER_WITHIN: Final = 60.0
"""Seconds after which a connection without an answer is given up."""

_LONGEST_LATER: Final = 600.0
_UNREAD_LATER: Final = 1.0


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent at once: a batch of the spool, or a part of one that the server finds too large.

    The ids of parts come of that of the batch, so that they are the same however often the agent
    is killed meanwhile. ``body`` is None for the whole batch, which is on the disk.
    """

    id: UUID
    records: int
    whole: Spooled
    body: bytes | None = None


@dataclass(slots=True)
class _Sent:
    """A parcel that waits for its answer."""

    parcel: Parcel
    at: float


class Outgoing:
    """The batches on their way; outlives single connections.

    Args:
        journal: where they wait.
        notices: told what became of them, where it is bad.
    """

    def __init__(self, journal: Journal, notices: Notices) -> None:
        self.dropped = 0
        """Records of batches that the server can never store."""
        self.rejected = 0
        self.answers = 0
        self.postponed: str | None = None
        """Why the server stores nothing for now."""
        self.news = asyncio.Event()
        self._journal = journal
        self._notices = notices
        self._sent: dict[UUID, _Sent] = {}
        self._not_before = 0.0
        self._later: dict[UUID, float] = {}
        self._parts: dict[UUID, list[Parcel]] = {}
        """By the id of the batch: what has no answer yet of one that was divided."""
        self._answered: dict[UUID, Spooled] = {}
        """Answered, though the disk could not forget them yet."""

    def begin(self) -> None:
        """On a new connection everything without an answer is sent again."""
        self._sent.clear()
        self._later.clear()
        self._not_before = 0.0
        self.news.set()

    @property
    def overdue(self) -> bool:
        now = monotonic()
        return any(now - one.at > ANSWER_WITHIN for one in self._sent.values())

    def next(self) -> Parcel | None:
        """The oldest that may be sent now."""
        now = monotonic()
        if len(self._sent) >= MOST_UNANSWERED or now < self._not_before:
            return None
        for batch in self._journal.waiting():
            if batch.id in self._answered:
                continue
            for parcel in self._parts.get(batch.id) or (Parcel(batch.id, batch.records, batch),):
                if parcel.id not in self._sent and self._later.get(parcel.id, 0) <= now:
                    return parcel
        return None

    def body(self, parcel: Parcel) -> bytes | None:
        """The records; None when the disk does not give them now."""
        if parcel.body is not None:
            return parcel.body
        try:
            return self._journal.body(parcel.whole)
        except OSError as error:
            self._notices.say("spool", f"a batch cannot be read: {error}")
            return None

    def sent(self, parcel: Parcel) -> None:
        self._later.pop(parcel.id, None)
        self._sent[parcel.id] = _Sent(parcel, monotonic())

    async def answered(self, frame: dict[str, Any]) -> None:
        """Take an answer: `stored`, `later` or `refused`.

        Raises:
            ValueError: it names no batch.
        """
        key = UUID(str(frame.get("batch")))
        sent = self._sent.get(key)
        if sent is None:
            return
        if frame["type"] == "later":
            self._postpone(sent.parcel, frame)
        elif frame["type"] == "refused" and frame.get("is_too_large") is True:
            await self._divide(sent.parcel, frame)
        else:
            self._end(sent.parcel, frame)
        self._sent.pop(key, None)  # last: until then nobody sends it again
        await self.forget()
        self.news.set()

    async def forget(self) -> None:
        """Remove from the disk what is answered."""
        for key, batch in list(self._answered.items()):
            try:
                await asyncio.to_thread(self._journal.remove, batch)
            except OSError as error:
                self._notices.say("forgetting", f"the spool cannot be emptied: {error}")
                return
            self._answered.pop(key, None)

    def _postpone(self, parcel: Parcel, frame: dict[str, Any]) -> None:
        until = monotonic() + _seconds(frame.get("seconds"))
        if frame.get("all") is False:
            self._later[parcel.id] = until
        else:
            self._not_before = until
        self.postponed = _reason(frame)
        self._notices.say("later", f"logs are kept for now: {self.postponed}")

    async def _divide(self, parcel: Parcel, frame: dict[str, Any]) -> None:
        body = await asyncio.to_thread(self.body, parcel)
        if body is None:
            self._later[parcel.id] = monotonic() + _UNREAD_LATER
            return
        pieces = await asyncio.to_thread(halves, Batch(parcel.id.hex, parcel.records, body))
        if not pieces:
            self._end(parcel, frame)
            return
        self.answers += 1
        parts = [
            Parcel(uuid5(NAMESPACE_OID, one.key), one.records, parcel.whole, one.body)
            for one in pieces
        ]
        self._replace(parcel, parts)

    def _end(self, parcel: Parcel, frame: dict[str, Any]) -> None:
        self.answers += 1
        self._count(parcel, frame)
        self._replace(parcel, ())

    def _replace(self, parcel: Parcel, parts: Sequence[Parcel]) -> None:
        whole = parcel.whole
        others = [one for one in self._parts.pop(whole.id, ()) if one.id != parcel.id]
        if left := [*parts, *others]:
            self._parts[whole.id] = left
        else:
            self._answered[whole.id] = whole

    def _count(self, parcel: Parcel, frame: dict[str, Any]) -> None:
        self.postponed = None
        if frame["type"] == "refused":
            self.dropped += parcel.records
            self._notices.say("refused", f"{parcel.records} records were refused: {_reason(frame)}")
            return
        self._notices.settled("later", "logs are stored again")
        rejected = frame.get("rejected")
        if isinstance(rejected, list) and rejected:
            self.rejected += len(rejected)
            first = rejected[0]
            why = str(first.get("reason", "") if isinstance(first, dict) else first)[:200]
            self._notices.say("rejected", f"a record was rejected: {why}")


def _reason(frame: dict[str, Any]) -> str:
    return str(frame.get("reason", ""))[:200]


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 1.0
    return min(max(float(value), 0.0), _LONGEST_LATER)
