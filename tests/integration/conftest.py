"""The API in this process, and people who use it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from httpx import ASGITransport, AsyncClient

from api.main import living, make_app
from notilog import clock
from notilog import settings as schema
from notilog.db.session import close_database, open_database, transaction
from notilog.users import accounts, sessions
from notilog.users.accounts import Name, NewAccount
from notilog.users.caller import Role
from tests.outside.smtp import Mailbox, mail_server

BASE = "http://notilog.test/api/v1/"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody signed in; ``api`` sends requests as they do, to paths below ``/api/v1/``."""

    login: str
    session_id: str
    api: AsyncClient


SignIn = Callable[..., Awaitable[Person]]


@pytest.fixture
async def transport(
    environment: pytest.MonkeyPatch,
) -> AsyncIterator[ASGITransport]:
    """The whole application, with its database, broker and settings, without a socket."""
    environment.setenv("NOTILOG_PASSWORDS__MEMORY_KIB", str(8192))
    environment.setenv("NOTILOG_PASSWORDS__PASSES", "1")
    app = make_app()
    async with living(app):
        yield ASGITransport(app)


@pytest.fixture
async def anonymous(transport: ASGITransport) -> AsyncIterator[AsyncClient]:
    """A client that says nothing of who it is."""
    async with AsyncClient(transport=transport, base_url=BASE) as client:
        yield client


@pytest.fixture
async def sign_in(transport: ASGITransport) -> AsyncIterator[SignIn]:
    """Adds somebody signed in, with a login, and a role and other fields if asked."""
    clients: list[AsyncClient] = []

    async def signed_in(login: str, *, role: Role = "user", **fields: object) -> Person:
        account = NewAccount.model_validate(
            {"login": login, "name": Name(first=login.title(), last="Lee"), "role": role, **fields}
        )
        async with transaction() as tx:
            row = await accounts.create(tx, account, password_hash=None)
            opened = await sessions.open_session(tx, row.id, now=clock.now())
        headers = {"Authorization": f"Bearer {opened.id}"}
        clients.append(AsyncClient(transport=transport, base_url=BASE, headers=headers))
        return Person(login, opened.id, clients[-1])

    yield signed_in
    for client in clients:
        await client.aclose()


@pytest.fixture
async def ann(sign_in: SignIn) -> Person:
    """An ordinary user."""
    return await sign_in("ann", email="ann@example.org")


@pytest.fixture
async def admin(sign_in: SignIn) -> Person:
    return await sign_in("admin", role="admin")


@pytest.fixture
async def box(environment: pytest.MonkeyPatch) -> AsyncIterator[Mailbox]:
    """A mail server, with this process configured to send by it."""
    async with mail_server() as made:
        environment.setenv("NOTILOG_CHANNELS__EMAIL__HOST", "127.0.0.1")
        environment.setenv("NOTILOG_CHANNELS__EMAIL__PORT", str(made.port))
        environment.setenv("NOTILOG_CHANNELS__EMAIL__TLS", "none")
        environment.setenv("NOTILOG_CHANNELS__EMAIL__TIMEOUT", "1")
        environment.setenv("NOTILOG_DELIVERIES__LOOKAHEAD", "1")
        environment.setenv("NOTILOG_DELIVERIES__RETRY_BASE", "0.001")
        await open_database(schema.load())
        yield made
        await close_database()
