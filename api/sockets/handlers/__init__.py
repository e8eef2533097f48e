"""The types of frames that people send; each is one file here and one line below."""

from typing import Final

from api.sockets.handler import Handler
from api.sockets.handlers import acknowledge, ping, presence, rsvp, subscribe, unsubscribe

HANDLERS: Final[dict[str, Handler]] = {
    "acknowledge": acknowledge.HANDLER,
    "ping": ping.HANDLER,
    "presence": presence.HANDLER,
    "rsvp": rsvp.HANDLER,
    "subscribe": subscribe.HANDLER,
    "unsubscribe": unsubscribe.HANDLER,
}
