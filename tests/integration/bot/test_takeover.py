"""Real workers: the bot moves on when its worker is stopped or killed, or its task is ended."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import celery
import pytest

from notilog import settings as schema
from tests.outside.telegram import TOKEN, BotApi, bot_api
from tests.servers import worker as servers
from tests.servers.process import wait_until
from tests.servers.worker import Worker

pytestmark = pytest.mark.slow

STRANGER = 333
LEASE = 4
TICK = 1.0


@pytest.fixture
def served() -> Iterator[BotApi]:
    """Telegram, in a thread of its own."""
    loop = asyncio.new_event_loop()
    serving = bot_api()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = asyncio.run_coroutine_threadsafe(serving.__aenter__(), loop).result(10)
    yield made
    asyncio.run_coroutine_threadsafe(serving.__aexit__(None, None, None), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def app(served: BotApi, environment: pytest.MonkeyPatch) -> Iterator[celery.Celery]:
    environment.setenv("NOTILOG_CHANNELS__TELEGRAM__TOKEN", TOKEN)
    environment.setenv("NOTILOG_CHANNELS__TELEGRAM__BASE_URL", served.url)
    environment.setenv("NOTILOG_BOT__LEASE", str(LEASE))
    environment.setenv("NOTILOG_WORKER__SHUTDOWN_GRACE", "1")
    schema.load()
    made = servers.sender()
    yield made
    made.close()


def listens(worker: Worker, *, times: int = 1) -> Callable[[], bool]:
    return lambda: worker.log.read_text().count("bot_listens") >= times


def wait_ticking(app: celery.Celery, condition: Callable[[], bool], what: str) -> float:
    """Seconds until it holds, while beat's task is sent every second."""
    began = time.monotonic()
    last = 0.0

    def ticking() -> bool:
        nonlocal last
        if time.monotonic() - last >= TICK:
            app.send_task("bot.reconcile")
            last = time.monotonic()
        return condition()

    wait_until(ticking, what)
    return time.monotonic() - began


def test_the_bot_moves_on(app: celery.Celery, served: BotApi, tmp_path: Path) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(servers.worker(tmp_path, name="first"))
        wait_ticking(app, listens(first), "the first worker's bot")
        second = stack.enter_context(servers.worker(tmp_path, name="second"))
        first.process.kill()
        killed = wait_ticking(app, listens(second), "the second worker's bot")
        third = stack.enter_context(servers.worker(tmp_path, name="third"))
        second.process.send_signal(signal.SIGTERM)
        stopped = wait_ticking(app, listens(third), "the third worker's bot")
        for times, command in ((2, ("terminate", "SIGTERM")), (3, ("revoke",))):
            (task,) = servers.active(app)
            servers.control(tmp_path, "control", *command, task)
            wait_until(lambda task=task: task not in servers.active(app), "its end")  # type: ignore[misc]
            wait_ticking(app, listens(third, times=times), "the bot's return")
        served.say(STRANGER, "/help")
        wait_until(lambda: bool(served.sent), "an answer")
    print(f"\nkilled: taken over in {killed:.1f} s; stopped: in {stopped:.1f} s")
    assert killed < LEASE + 2 * TICK + 2
    assert stopped < LEASE
    assert TOKEN.partition(":")[2] not in "".join(w.log.read_text() for w in (first, second, third))
