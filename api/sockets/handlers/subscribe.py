"""`subscribe`: messages of a topic, from now on or from where one left off."""

from api.sockets.handler import Handler, Verbs
from notilog.realtime.protocol import Subscribe, Subscribed
from notilog.users.caller import Caller


async def answer(asked: Subscribe, _caller: Caller, verbs: Verbs) -> Subscribed:
    return await verbs.subscribe(asked)


HANDLER = Handler(Subscribe, answer)
