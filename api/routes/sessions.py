"""Signing in and out."""

from fastapi import APIRouter, Request, Response

from api import browser
from api.deps import Presented, SignedIn
from api.errors import problems
from api.peer import address_of
from api.schemas.users import Credentials, CurrentSession, NewSession
from notilog import clock, config
from notilog.db.session import transaction
from notilog.users import sessions
from notilog.users.caller import RIGHTS
from notilog.users.logging_in import log_in
from notilog.users.sessions import SessionSettings

router = APIRouter(prefix="/sessions", tags=["sessions"])


@router.post("", status_code=201, responses=problems(401, 429))
async def sign_in(given: Credentials, request: Request, response: Response) -> NewSession:
    """Open a session: send its id as a bearer, or let the browser keep the cookie."""
    password = given.password.get_secret_value()
    opened = await log_in(given.login, password, address=address_of(request), now=clock.now())
    longest = config.section(SessionSettings).longest
    browser.remember(request, response, opened.id, seconds=int(longest.total_seconds()))
    return NewSession(
        session_id=opened.id,
        login=given.login.lower(),
        expires_at=opened.expires_at,
        csrf_token=browser.csrf_token(opened.id),
    )


@router.get("/current")
async def get_current(secret: Presented, caller: SignedIn) -> CurrentSession:
    """Who you are, and what you may do."""
    return CurrentSession(
        login=caller.login,
        role=caller.role,
        scopes=sorted(RIGHTS[caller.role] if caller.is_admin else caller.rights),
        project=caller.project,
        expires_at=caller.expires_at,
        csrf_token=browser.csrf_token(secret),
    )


@router.delete("/current", status_code=204)
async def sign_out(response: Response, caller: SignedIn) -> None:
    """End this session."""
    browser.forget(response)
    async with transaction() as tx:
        await sessions.close_session(tx, caller)
