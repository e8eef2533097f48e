"""`rsvp`: the caller decides whether they take part in an event, or in one occurrence of it."""

from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from api.sockets.handler import Handler, Verbs
from notilog import clock
from notilog.calendar import participation
from notilog.db.session import transaction
from notilog.errors import Forbidden, Invalid
from notilog.instants import Instant
from notilog.realtime.protocol import Decided, Rsvp
from notilog.users.caller import Caller

_INSTANT: Final[TypeAdapter[datetime]] = TypeAdapter(Instant)


async def answer(asked: Rsvp, caller: Caller, _verbs: Verbs) -> Decided:
    if not caller.may("events:write"):
        raise Forbidden("this needs the right events:write")
    event_id, occurrence = _id(asked.event_id), _instant(asked.occurrence)
    async with transaction() as tx:
        await participation.decide(
            tx,
            caller,
            event_id=event_id,
            login=caller.login,
            decision=asked.decision,
            occurrence=occurrence,
            now=clock.now(),
        )
    return Decided(id=asked.id, event_id=str(event_id), login=caller.login, decision=asked.decision)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid.field("event_id", "is not the id of an event") from None


def _instant(text: str | None) -> datetime | None:
    try:
        return None if text is None else _INSTANT.validate_python(text)
    except ValidationError:
        raise Invalid.field("occurrence", "is not an instant with an offset") from None


HANDLER = Handler(Rsvp, answer)
