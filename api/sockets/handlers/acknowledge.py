"""`acknowledge`: the caller sees to an incident, and nobody is told of it again."""

from uuid import UUID

from api.sockets.handler import Handler, Verbs
from notilog import clock
from notilog.db.session import transaction
from notilog.errors import Forbidden, Invalid
from notilog.incidents import acting
from notilog.realtime.protocol import Acknowledge, Acknowledged
from notilog.users.caller import Caller


async def answer(asked: Acknowledge, caller: Caller, _verbs: Verbs) -> Acknowledged:
    if not caller.may("incidents:write"):
        raise Forbidden("this needs the right incidents:write")
    incident_id = _id(asked.incident_id)
    async with transaction() as tx:
        shown = await acting.acknowledge(tx, caller, incident_id=incident_id, now=clock.now())
    return Acknowledged(
        id=asked.id,
        incident_id=str(incident_id),
        state=shown.row.state,
        acknowledged_by=shown.acknowledged_by,
    )


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid.field("incident_id", "is not the id of an incident") from None


HANDLER = Handler(Acknowledge, answer)
