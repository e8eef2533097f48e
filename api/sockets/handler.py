"""What a handler is: it gets a frame, who sent it and a few verbs, and returns the answer."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from notilog.realtime.protocol import Answer, Frame, Subscribe, Subscribed
from notilog.users.caller import Caller


class Verbs(Protocol):
    """What a handler may have done to the connection that it never sees."""

    async def subscribe(self, asked: Subscribe) -> Subscribed:
        """Let messages of a topic follow the answer."""

    def unsubscribe(self, id: str, /) -> None:  # noqa: A002  the frame's word
        """Let none of that subscription follow any more."""

    async def connected(self, people: Iterable[UUID]) -> set[UUID]:
        """Those of these people who are connected to any node."""


@dataclass(frozen=True, slots=True)
class Handler:
    """One type of frame: its fields, and what answers it."""

    frame: type[Frame]
    answer: Callable[[Any, Caller, Verbs], Awaitable[Answer]]
