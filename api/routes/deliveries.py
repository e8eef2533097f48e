"""Deliveries: what was or will be sent, to whom, and how it went."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from api.deps import scoped
from api.errors import problems
from api.schemas.deliveries import DeliveryAnswer, Status
from api.schemas.pages import Cursor, Limit, Page
from notilog import clock
from notilog.db.session import reading, transaction
from notilog.notifications import deliveries
from notilog.notifications.deliveries import Filters
from notilog.users.caller import Caller

router = APIRouter(prefix="/deliveries", tags=["deliveries"])

Reader = Annotated[Caller, Depends(scoped("events:read"))]
Writer = Annotated[Caller, Depends(scoped("events:write"))]


def filters(
    event_id: UUID | None = None,
    login: Annotated[str | None, Query(max_length=200)] = None,
    channel: Annotated[str | None, Query(max_length=50, examples=["email"])] = None,
    status: Status | None = None,
) -> Filters:
    """Which deliveries are asked for."""
    return Filters(event_id, login and login.lower(), channel, status)


@router.get("")
async def list_deliveries(
    *,
    caller: Reader,
    wanted: Annotated[Filters, Depends(filters)],
    limit: Limit = 100,
    cursor: Cursor | None = None,
) -> Page[DeliveryAnswer]:
    """Your deliveries, newest decision first; an administrator sees everybody's."""
    async with reading() as tx:
        items, following = await deliveries.listing(
            tx, caller, filters=wanted, limit=limit, cursor=cursor
        )
    return Page(items=[DeliveryAnswer.of(item) for item in items], next=following)


@router.post("/{delivery_id}/retry", responses=problems(404, 409))
async def retry_delivery(delivery_id: UUID, caller: Writer) -> DeliveryAnswer:
    """Send a dead delivery of yours again, at once; an administrator may do it for anybody."""
    async with transaction() as tx:
        revived = await deliveries.retry(tx, delivery_id, caller=caller, now=clock.now())
    return DeliveryAnswer.of(revived)
