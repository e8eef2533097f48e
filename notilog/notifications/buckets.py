"""The arithmetic of a token bucket that gives out slots: pure, in whole microseconds.

A bucket (GCRA) is one instant: when all that was reserved will have passed. `notilog.notifications.
limits` keeps it in Redis, where a script follows the same rules, and here when Redis is away.
"""

from dataclasses import dataclass, field

SECOND = 1_000_000
# How long after its slot a ticket is still good: a sender may come late from a queue.
TICKET_KEPT = 600 * SECOND


@dataclass(slots=True)
class Bucket:
    """Reservations of one key. Instants are microseconds on the caller's clock.

    A ticket is kept as its slot less ``shift``, which is all that pauses have added so far: so a
    pause moves every slot that was given out, and they stay as far from each other as they were.
    """

    due: int = 0
    shift: int = 0
    paused: int = 0
    tickets: dict[str, int] = field(default_factory=dict)

    def reserve(self, now: int, *, interval: int, burst: int, ticket: str | None = None) -> int:
        """Take the next slot, or the one that the ticket holds; returns how far off it is."""
        held = None if ticket is None else self._held(ticket, now)
        if held is not None:
            return held
        due = max(self.due, now, self.paused)
        slot = max(now, self.paused, due - (burst - 1) * interval)
        self.due = due + interval
        if ticket is not None and slot > now:
            self._forget_old_tickets(now)
            self.tickets[ticket] = slot - self.shift
        return slot - now

    def postpone(self, now: int, duration: int) -> None:
        """Let nothing pass for so long; what asks again meanwhile does not add up."""
        added = now + duration - max(self.paused, now)
        if added > 0:
            self.due = max(self.due, now) + added
            self.shift += added
            self.paused = now + duration

    def is_empty(self, now: int) -> bool:
        """Whether forgetting the bucket changes nothing."""
        return max(self.due, self.paused) + (TICKET_KEPT if self.tickets else 0) <= now

    def _held(self, ticket: str, now: int) -> int | None:
        place = self.tickets.get(ticket)
        if place is None:
            return None
        slot = max(place + self.shift, self.paused)
        if slot <= now:
            del self.tickets[ticket]
        return None if slot + TICKET_KEPT <= now else max(slot - now, 0)

    def _forget_old_tickets(self, now: int) -> None:
        """Slots are given out in order, so the oldest ticket stands first."""
        while self.tickets:
            ticket, place = next(iter(self.tickets.items()))
            if place + self.shift + TICKET_KEPT > now:
                return
            del self.tickets[ticket]
