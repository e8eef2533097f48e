"""Behind a primary and a real streaming replica: reads are spread, and failures are survived."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from api.deps import signed_in
from notilog import clock
from notilog import settings as schema
from notilog.db import migrate
from notilog.db.session import close_database, open_database, pools, reading, transaction
from notilog.errors import Unauthenticated, Unavailable
from notilog.users import accounts, sessions
from notilog.users.accounts import Name, NewAccount
from tests.servers.replication import Pair, pair

ROLE = text("SELECT pg_is_in_recovery()")
READS = 60


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Pair]:
    with pair(tmp_path) as made:
        yield made


@pytest.fixture
def configured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, servers: Pair
) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOTILOG_DATABASE_URL", servers.url)
    monkeypatch.setenv("NOTILOG_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("NOTILOG_SECRET_KEY", "a secret key that is only used by the tests")
    monkeypatch.setenv("NOTILOG_DATABASE__REFRESH_DELAY", "0.1")
    return monkeypatch


@asynccontextmanager
async def opened(*, primary_weight: float, environment: pytest.MonkeyPatch) -> AsyncIterator[None]:
    environment.setenv("NOTILOG_DATABASE__MASTER_AS_REPLICA_WEIGHT", str(primary_weight))
    await open_database(schema.load())
    await pools().ready(timeout=20)
    try:
        yield
    finally:
        await close_database()


async def role_of_a_read() -> str:
    async with reading() as session:
        return "replica" if await session.scalar(ROLE) else "primary"


async def roles_of_reads() -> Counter[str]:
    return Counter([await role_of_a_read() for _ in range(READS)])


async def write() -> None:
    async with transaction() as tx:
        await tx.execute(text("CREATE TABLE IF NOT EXISTS written (at timestamptz)"))
        await tx.execute(text("INSERT INTO written VALUES (now())"))


async def written() -> int:
    async with reading() as session:
        return int(await session.scalar(text("SELECT count(*) FROM written")) or 0)


async def write_until_it_works() -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                return await write()
            except Unavailable:
                continue


async def until_replicated(rows: int) -> None:
    async with asyncio.timeout(20):
        while await _count_or_none() != rows:
            pass


async def test_without_a_weight_every_read_goes_to_the_replica(
    configured: pytest.MonkeyPatch,
) -> None:
    async with opened(primary_weight=0, environment=configured):
        assert await roles_of_reads() == {"replica": READS}


async def test_by_its_weight_the_primary_takes_a_share_of_the_reads(
    configured: pytest.MonkeyPatch,
) -> None:
    async with opened(primary_weight=1, environment=configured):
        roles = await roles_of_reads()
    assert roles["primary"] > 0
    assert roles["replica"] > 0


async def test_of_several_hosts_the_least_loaded_is_chosen(
    configured: pytest.MonkeyPatch,
) -> None:
    async with opened(primary_weight=1, environment=configured), AsyncExitStack() as held:
        for _ in range(3):
            await held.enter_async_context(pools().acquire_master())
        assert await roles_of_reads() == {"replica": READS}


async def test_writes_go_to_the_primary_and_reach_the_replica(
    configured: pytest.MonkeyPatch,
) -> None:
    async with opened(primary_weight=0, environment=configured):
        await write()
        await until_replicated(1)


async def _count_or_none() -> int | None:
    async with reading() as session:
        table = await session.scalar(text("SELECT to_regclass('written')"))
    return await written() if table else None


async def test_when_the_replica_dies_reads_fall_back_to_the_primary(
    configured: pytest.MonkeyPatch, servers: Pair
) -> None:
    async with opened(primary_weight=0, environment=configured):
        assert await role_of_a_read() == "replica"
        servers.replica.kill()
        async with asyncio.timeout(20):
            while await _role_or_none() != "primary":
                pass
        assert await roles_of_reads() == {"primary": READS}


async def _role_or_none() -> str | None:
    try:
        return await role_of_a_read()
    except Unavailable:  # a connection that was open when the server died
        return None


async def test_when_the_primary_dies_writes_go_on_at_the_promoted_replica(
    configured: pytest.MonkeyPatch, servers: Pair
) -> None:
    async with opened(primary_weight=0, environment=configured):
        await write()
        await until_replicated(1)
        servers.primary.kill()
        assert await role_of_a_read() == "replica"
        servers.replica.promote()
        await write_until_it_works()
        assert await written() == 2


async def test_without_any_primary_a_write_says_that_the_database_does_not_answer(
    configured: pytest.MonkeyPatch, servers: Pair
) -> None:
    configured.setenv("NOTILOG_DATABASE__ACQUIRE_TIMEOUT", "1")
    async with opened(primary_weight=0, environment=configured):
        servers.primary.kill()
        with pytest.raises(Unavailable):
            for _ in range(3):
                await write()


async def test_a_primary_that_was_just_demoted_is_unavailable_not_an_error(
    configured: pytest.MonkeyPatch, servers: Pair
) -> None:
    configured.setenv("NOTILOG_DATABASE__REFRESH_DELAY", "60")
    async with opened(primary_weight=0, environment=configured):
        await write()
        servers.primary.tell("ALTER SYSTEM SET default_transaction_read_only = on")
        servers.primary.tell("SELECT pg_reload_conf()")
        async with asyncio.timeout(20):
            with pytest.raises(Unavailable, match="primary"):
                while True:  # until the reloaded configuration has reached the connection
                    await write()


async def test_a_connection_that_the_server_ends_is_unavailable(
    configured: pytest.MonkeyPatch, servers: Pair
) -> None:
    async with opened(primary_weight=0, environment=configured):
        with pytest.raises(Unavailable):
            async with transaction() as tx:
                own = await tx.scalar(text("SELECT pg_backend_pid()"))
                servers.primary.tell(f"SELECT pg_terminate_backend({own}, 5000)")
                await tx.execute(text("SELECT 1"))


async def sign_in() -> str:
    account = NewAccount(login="ann", name=Name(first="Ann", last="Lee"))
    async with transaction() as tx:
        row = await accounts.create(tx, account, password_hash=None)
        return (await sessions.open_session(tx, row.id, now=clock.now())).id


async def test_a_closed_session_ends_at_once_though_the_replica_lags(
    configured: pytest.MonkeyPatch, servers: Pair
) -> None:
    await migrate.upgrade(servers.primary.server.url)
    async with opened(primary_weight=0, environment=configured):
        secret = await sign_in()
        await until_known_to_replica()
        servers.replica.tell("SELECT pg_wal_replay_pause()")
        caller = await signed_in(secret)
        async with transaction() as tx:
            await sessions.close_session(tx, caller)
        assert await sessions_on_replica() == 1
        with pytest.raises(Unauthenticated):
            await signed_in(secret)


async def test_who_is_signed_in_stays_so_while_there_is_no_primary(
    configured: pytest.MonkeyPatch, servers: Pair
) -> None:
    await migrate.upgrade(servers.primary.server.url)
    async with opened(primary_weight=0, environment=configured):
        secret = await sign_in()
        await until_known_to_replica()
        servers.primary.kill()
        assert (await signed_in(secret)).login == "ann"
        with pytest.raises(Unavailable):
            await signed_in("nts_opened-just-before")


async def sessions_on_replica() -> int:
    async with reading() as tx:
        return int(await tx.scalar(text("SELECT count(*) FROM sessions")) or 0)


async def until_known_to_replica() -> None:
    at_the_primary = text("SELECT pg_current_wal_lsn()")
    async with transaction() as tx:
        place = await tx.scalar(at_the_primary)
    arrived = text("SELECT pg_last_wal_replay_lsn() >= CAST(:place AS pg_lsn)")
    async with asyncio.timeout(20):
        while True:
            async with reading() as tx:
                if await tx.scalar(arrived, {"place": place}):
                    return
