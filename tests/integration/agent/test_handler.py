"""Programs on other machines log to the real API: each record is stored once, whatever happens."""

import logging
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from notilog import clock
from notilog.agent.handler import NotiLogHandler
from notilog.db.session import transaction
from notilog.logs import stream
from notilog.logs.intake import received
from notilog.logs.store import keep
from notilog.users import accounts, tokens
from notilog.users.accounts import Name, NewAccount
from notilog.users.caller import Caller
from tests.integration.log_traffic import Stored
from tests.servers.api import api
from tests.servers.process import wait_until
from tests.servers.rabbitmq import free_port

ROOT = Path(__file__).resolve().parents[3]
SOME = 2500

PROGRAM = """
import atexit, logging.config, multiprocessing, os, sys

logging.config.dictConfig({
    "version": 1,
    "handlers": {"notilog": {"class": "notilog.agent.handler.NotiLogHandler", **%(options)r}},
    "root": {"level": "INFO", "handlers": ["notilog"]},
})
logger = logging.getLogger("program")

def child():
    logger.info("from a child of multiprocessing")

%(body)s
"""
LOG_AND_WAIT = f"""
for number in range({SOME}):
    logger.info("killed %d", number, extra={{"number": number}})
sys.stdin.read()
"""
LOG_AND_END = """
atexit.register(logger.warning, "at exit")
logger.info("from the program")
forked = os.fork()
if not forked:
    logger.info("from a forked child")
    sys.exit()
os.waitpid(forked, 0)
process = multiprocessing.get_context("fork").Process(target=child)
process.start()
process.join()
"""


@pytest.fixture
async def token(database: None) -> str:
    """A token that may write the records of one project."""
    account = NewAccount(login="ann", name=Name(first="Ann", last="Lee"))
    async with transaction() as tx:
        row = await accounts.create(tx, account, password_hash=None)
        caller = Caller(row.id, "ann", "user", scopes=None, project=None)
        new = tokens.NewToken(name="shipper", scopes=["logs:write"], project="shop")
        return (await tokens.mint(tx, caller, new=new, now=clock.now())).token


def program(body: str, options: dict[str, Any], **also: Any) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        (sys.executable, "-c", PROGRAM % {"options": options, "body": body}), cwd=ROOT, **also
    )


def kill_once_all_is_spooled(options: dict[str, Any], spool: Path) -> None:
    with program(LOG_AND_WAIT, options, stdin=subprocess.PIPE) as killed:
        wait_until(lambda: records_in(spool) == SOME, "the spool")
        killed.kill()


def records_in(spool: Path) -> int:
    return sum(int(path.name.split("-")[1]) for path in spool.glob("*/*.gz"))


async def store_all(redis_url: str) -> None:
    """What a worker does with what the API has sent to the broker."""
    client = stream.connect(redis_url)
    reader = stream.Reader(client, claim_after=60)
    await reader.prepare()
    entries = await reader.read(10_000, wait=0.1)
    async with transaction() as tx:
        await keep(tx, received([entry.message for entry in entries], now=clock.now()))
    await client.aclose()


async def test_every_record_is_stored_once_whatever_happens_to_server_and_program(
    token: str, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    stored, port, spool = Stored(database_url), free_port(), tmp_path / "spool"
    options: dict[str, Any] = {
        "url": f"http://127.0.0.1:{port}",
        "token": token,
        "project": "shop",
        "spool": str(spool),
        "batch_seconds": 0.05,
    }
    kill_once_all_is_spooled(options, spool)
    handler = NotiLogHandler(**options)
    logger = logging.Logger("ours")  # noqa: LOG001  of nobody else
    logger.addHandler(handler)
    logger.error("the server is away", extra={"order": 18})
    assert not handler.flush(0.1)
    with api(tmp_path, port=port):
        with program(LOG_AND_END, options) as ended:
            assert ended.wait(30) == 0
        assert handler.flush(30)
        wait_until(lambda: not records_in(spool), "sending")
        handler.close()
    await store_all(redis_url)
    assert stored.messages() == Counter(
        [
            *(f"killed {number}" for number in range(SOME)),
            *("from the program", "from a forked child", "from a child of multiprocessing"),
            *("at exit", "at exit", "the server is away"),
        ]
    )
    (row,) = stored.rows(
        "SELECT level, project, module, logger, attrs FROM log_records WHERE message LIKE '%away'"
    )
    assert row == (40, "shop", "ours", "ours", {"order": 18})
    assert stored.count("log_rejects") == 0
    assert list(next(spool.iterdir()).iterdir()) == []
