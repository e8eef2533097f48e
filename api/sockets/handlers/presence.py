"""`presence`: which of the people who share an event with the caller are connected."""

from api.sockets.handler import Handler, Verbs
from notilog.calendar.participation import companions
from notilog.db.session import reading
from notilog.errors import Forbidden
from notilog.realtime.presence import LASTS
from notilog.realtime.protocol import Presence, Present
from notilog.users.caller import Caller


async def answer(asked: Presence, caller: Caller, verbs: Verbs) -> Present:
    if not caller.may("events:read"):
        raise Forbidden("this needs the right events:read")
    async with reading() as tx:
        people = await companions(tx, user_id=caller.user_id)
    there = await verbs.connected(people)
    return Present(id=asked.id, people=sorted(people[one] for one in there), within=LASTS)


HANDLER = Handler(Presence, answer)
