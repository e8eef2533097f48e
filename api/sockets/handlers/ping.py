"""`ping`: whether the node still answers, for programs that cannot see the protocol's own pings."""

from api.sockets.handler import Handler, Verbs
from notilog.realtime.protocol import Ping, Pong
from notilog.users.caller import Caller


async def answer(asked: Ping, _caller: Caller, _verbs: Verbs) -> Pong:
    return Pong(id=asked.id)


HANDLER = Handler(Ping, answer)
