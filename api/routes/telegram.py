"""Telegram chats of people."""

from fastapi import APIRouter

from api.deps import SignedIn
from api.errors import problems
from api.schemas.telegram import LinkAnswer
from notilog import clock
from notilog.bot import linking
from notilog.db.session import transaction

router = APIRouter(prefix="/channels/telegram", tags=["deliveries"])


@router.post("/link", status_code=201, responses=problems(409))
async def link_chat(caller: SignedIn) -> LinkAnswer:
    """Get a code that makes the Telegram chat it is sent from yours, instead of the one before.

    It works once, for 15 minutes, and not for a program: sign in.
    """
    async with transaction() as tx:
        return LinkAnswer.of(await linking.offer(tx, caller, now=clock.now()))
