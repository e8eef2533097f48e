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
from notilog.users.caller import Caller

RETRY_SECONDS: Final = 2.0


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
        return _refused(batch_id, "this needs the right logs:write")
    try:
        floor = room.lowest_taken()
        sent = unpacked(Sent(body, BY_LINE[0], "gzip"))
        stored_as = repeatable_id(str(agent_id), caller.project, str(batch_id), sent.body)
        batch = accept(sent, now=now, batch_id=stored_as, project=caller.project, floor=floor)
        refuse_all_bad(batch)
        await publisher.publish(sealed(batch))
    except Unavailable as error:
        return told("later", batch=batch_id, seconds=RETRY_SECONDS, reason=_short(str(error)))
    except (Invalid, TooLarge) as error:
        return _refused(batch_id, str(error))
    return _stored(batch_id, batch)


def failed(batch_id: UUID) -> str:
    """The answer when something went wrong here that nobody foresaw: it may be sent again."""
    return told("later", batch=batch_id, seconds=RETRY_SECONDS, reason="an unexpected error")


def _stored(batch_id: UUID, batch: Batch) -> str:
    rejected = [
        {"index": reject.position, "reason": _short(reject.reason)}
        for reject in batch.rejects[:REJECTED_SHOWN]
    ]
    return told("stored", batch=batch_id, accepted=batch.records, rejected=rejected)


def _refused(batch_id: UUID, reason: str) -> str:
    return told("refused", batch=batch_id, reason=_short(reason))


def _short(text: str) -> str:
    return text if len(text) <= REASON_CHARACTERS else f"{text[: REASON_CHARACTERS - 1]}…"
