"""API tokens of programs."""

from uuid import UUID

from fastapi import APIRouter

from api.deps import SignedIn
from api.errors import problems
from api.schemas.pages import Page
from api.schemas.users import NewTokenAnswer, NewTokenBody, Token
from notilog import clock
from notilog.db.session import reading, transaction
from notilog.users import tokens

router = APIRouter(prefix="/tokens", tags=["tokens"])


@router.post("", status_code=201)
async def make_token(new: NewTokenBody, caller: SignedIn) -> NewTokenAnswer:
    """Make a token with some of your own rights; it is shown only in this answer."""
    async with transaction() as tx:
        minted = await tokens.mint(tx, caller, new=new, now=clock.now())
    return NewTokenAnswer(id=minted.id, token=minted.token)


@router.get("")
async def list_tokens(caller: SignedIn) -> Page[Token]:
    """Your tokens, newest first."""
    async with reading() as tx:
        return Page(items=[Token.of(row) for row in await tokens.listing(tx, caller)], next=None)


@router.delete("/{token_id}", status_code=204, responses=problems(404))
async def revoke_token(token_id: UUID, caller: SignedIn) -> None:
    """End a token, and those made with it."""
    async with transaction() as tx:
        await tokens.revoke(tx, token_id, by=caller)
