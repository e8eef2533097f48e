"""`unsubscribe`: no more messages of the subscription with this id."""

from api.sockets.handler import Handler, Verbs
from notilog.realtime.protocol import Unsubscribe, Unsubscribed
from notilog.users.caller import Caller


async def answer(asked: Unsubscribe, _caller: Caller, verbs: Verbs) -> Unsubscribed:
    verbs.unsubscribe(asked.id)
    return Unsubscribed(id=asked.id)


HANDLER = Handler(Unsubscribe, answer)
