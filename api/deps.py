"""What endpoints ask for: the caller, known and allowed."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cache
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from api import browser
from notilog import clock
from notilog.db.session import asking, transaction
from notilog.errors import Forbidden, Unauthenticated, Unavailable
from notilog.users import sessions
from notilog.users.caller import Caller, Scope
from notilog.users.credentials import caller_behind

BEARER = HTTPBearer(
    auto_error=False, scheme_name="bearer", description="A session id or an API token."
)
COOKIE = APIKeyCookie(
    name=browser.COOKIE,
    auto_error=False,
    scheme_name="cookie",
    description=f"Set by POST /sessions; changes also need the header {browser.CSRF_HEADER}.",
)


async def presented(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
    cookie: Annotated[str | None, Depends(COOKIE)],
) -> str:
    """The session id or token of this request; the header counts before the cookie."""
    if bearer is not None:
        return bearer.credentials
    if cookie is None or "authorization" in request.headers:
        raise Unauthenticated("sign in: send Authorization: Bearer <session id or API token>")
    browser.check_csrf(request, cookie)
    return cookie


Presented = Annotated[str, Depends(presented)]


async def signed_in(secret: Presented) -> Caller:
    """Who asks.

    Raises:
        Unauthenticated: nobody holds this session id or token any more.
    """
    return await caller_of(secret)


async def caller_of(secret: str) -> Caller:
    """Who holds this session id or token.

    Raises:
        Unauthenticated: nobody holds it any more.
    """
    caller = await _caller_behind(secret)
    if caller is None:
        raise Unauthenticated("this session or token is not known, or has expired")
    return caller


async def _caller_behind(secret: str) -> Caller | None:
    now = clock.now()
    try:
        async with asking(primary=True) as tx:  # what was revoked is valid nowhere at once
            caller = await caller_behind(tx, secret, now=now)
    except Unavailable:  # reading goes on while there is no primary
        async with asking(primary=False) as tx:
            caller = await caller_behind(tx, secret, now=now)
        if caller is None:  # a replica may not have heard of a session that was opened just now
            raise
    if caller is not None and sessions.is_due_for_renewal(caller, now=now):
        with suppress(Unavailable):  # reading goes on while there is no primary
            async with transaction() as tx:
                await sessions.renew(tx, caller, now=now)
    return caller


@cache
def scoped(scope: Scope) -> Callable[[Caller], Awaitable[Caller]]:
    """A dependency that gives the caller if they have this right, and refuses them otherwise."""

    async def allowed(caller: Annotated[Caller, Depends(signed_in)]) -> Caller:
        if not caller.may(scope):
            raise Forbidden(f"this needs the right {scope}")
        return caller

    return allowed


SignedIn = Annotated[Caller, Depends(signed_in)]
Admin = Annotated[Caller, Depends(scoped("admin"))]
