"""Batches of records that agents send: each is answered once the broker has it, or cannot have."""

from datetime import datetime
from typing import Final
from uuid import UUID

from api.log_publisher import LogPublisher
from notilog.agents.protocol import REASON_CHARACTERS, REJECTED_SHOWN, told
from notilog.errors import Invalid, TooLarge, Unavailable
from notilog.logs import room
from notilog.logs.batch import Batch, sealed
from notilog.logs.intake import BY_LINE, Sent, accept, refuse_all_bad, repeatable_id, unpacked
from notilog.logs.record import NoRoom
from notilog.users.caller import Caller

RETRY_SECONDS: Final = 2.0
MEND_SECONDS: Final = 30.0
"""Seconds until the next try when somebody has to do something first."""


async def taken(
    publisher: LogPublisher,
    caller: Caller,
    *,
    agent_id: UUID,
    batch_id: UUID,
    body: bytes,
    now: datetime,
) -> str:
    """The answer to a batch: stored, later or refused.

    Args:
        publisher: the way to the broker.
        caller: the agent's token.
        agent_id: whose batch it is: ids are of each agent's own choice.
        batch_id: a repetition under the same id is stored once.
        body: gzip of one record a line.
        now: the time of records that carry none.
    """
    if not caller.may("logs:write"):
        # Somebody may still mend that, and until then nothing is lost.
        return _later(batch_id, "the token has not the right logs:write", seconds=MEND_SECONDS)
    try:
        floor = room.lowest_taken()
        sent = unpacked(Sent(body, BY_LINE[0], "gzip"))
        stored_as = repeatable_id(str(agent_id), caller.project, str(batch_id), sent.body)
        batch = accept(
            sent,
            now=now,
            batch_id=stored_as,
            project=caller.project,
            floor=floor,
            stamp={"agent": str(agent_id)},
        )
        _refuse_without_room(batch)
        refuse_all_bad(batch)
        await publisher.publish(sealed(batch))
    except NoRoom as error:
        return _later(batch_id, str(error), seconds=MEND_SECONDS)
    except Unavailable as error:
        return _later(batch_id, str(error), seconds=RETRY_SECONDS)
    except TooLarge as error:
        return told("refused", batch=batch_id, reason=_short(str(error)), is_too_large=True)
    except Invalid as error:
        return told("refused", batch=batch_id, reason=_short(str(error)))
    return _stored(batch_id, batch)


def failed(batch_id: UUID) -> str:
    """The answer when something went wrong here that nobody foresaw: it may be sent again.

    Others need not wait for it: it may be the fault of this one.
    """
    reason = "an unexpected error"
    return told("later", batch=batch_id, seconds=RETRY_SECONDS, reason=reason, all=False)


def _refuse_without_room(batch: Batch) -> None:
    """Take nothing of a batch of which something would not be stored: agents have a spool.

    Raises:
        NoRoom: there is little room just now.
    """
    for reject in batch.rejects:
        if not reject.is_bad:
            raise NoRoom(reject.reason)


def _stored(batch_id: UUID, batch: Batch) -> str:
    rejected = [
        {"index": reject.position, "reason": _short(reject.reason)}
        for reject in batch.rejects[:REJECTED_SHOWN]
    ]
    return told("stored", batch=batch_id, accepted=batch.records, rejected=rejected)


def _later(batch_id: UUID, reason: str, *, seconds: float) -> str:
    return told("later", batch=batch_id, seconds=seconds, reason=_short(reason))


def _short(text: str) -> str:
    return text if len(text) <= REASON_CHARACTERS else f"{text[: REASON_CHARACTERS - 1]}…"
