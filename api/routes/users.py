"""Users: added by administrators, found by everybody, changed by themselves."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api.deps import Admin, SignedIn
from api.errors import problems
from api.peer import address_of
from api.schemas.pages import Cursor, Limit, Page
from api.schemas.users import (
    Account,
    AccountChangeBody,
    NewAccountBody,
    Person,
    account,
    seen_by,
)
from notilog import clock
from notilog.db.session import reading, transaction
from notilog.users import accounts, changes, passwords

router = APIRouter(prefix="/users", tags=["users"])

Logins = Annotated[
    list[Annotated[str, Field(max_length=63)]],
    Query(alias="login", max_length=100, default_factory=list),
]


@router.post("", status_code=201, responses=problems(409))
async def add_user(new: NewAccountBody, response: Response, _: Admin) -> Account:
    """Add a person; for administrators."""
    given = new.password.get_secret_value() if new.password else None
    password_hash = await passwords.hashed(given) if given else None
    async with transaction() as tx:
        created = await accounts.create(tx, new, password_hash=password_hash)
    response.headers["Location"] = f"users/{created.login}"
    return account(created)


@router.get("")
async def list_users(
    caller: SignedIn,
    logins: Logins,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Page[Account | Person]:
    """Users by login: those named, or all. Others are shown by login and name only."""
    async with reading() as tx:
        found = await accounts.listing(tx, logins, after=cursor, limit=limit + 1)
    items = [seen_by(caller, row) for row in found[:limit]]
    return Page(items=items, next=found[limit - 1].login if len(found) > limit else None)


@router.get("/{login}", responses=problems(404))
async def get_user(login: str, caller: SignedIn) -> Account | Person:
    """A user: all of yourself, of others login and name; administrators see all of everybody."""
    async with reading() as tx:
        return seen_by(caller, await accounts.find(tx, login))


@router.patch("/{login}", responses=problems(404, 409, 429))
async def change_user(
    login: str, changed: AccountChangeBody, request: Request, caller: SignedIn
) -> Account:
    """Change yourself, the password only with the old one; as administrator anybody."""
    address = address_of(request)
    return account(
        await changes.change(login, changed, by=caller, address=address, now=clock.now())
    )
