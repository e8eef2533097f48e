"""Discord observers in real workers: what people do becomes rows, once, and the token nowhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import celery
import psycopg
import pytest

from notilog import settings as schema
from tests.integration.conftest import Person
from tests.integration.observers.at_work import LEASE, Known, wait_ticking
from tests.outside.discord import Discord, discord_server
from tests.outside.discord_bots import Bot
from tests.servers import worker as servers
from tests.servers.process import wait_until

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def discord() -> AsyncIterator[Discord]:
    async with discord_server() as made:
        yield made


@pytest.fixture
async def app(environment: pytest.MonkeyPatch) -> AsyncIterator[celery.Celery]:
    environment.setenv("NOTILOG_OBSERVERS__LEASE_SECONDS", str(LEASE))
    environment.setenv("NOTILOG_OBSERVERS__ALLOW_PRIVATE", "true")
    environment.setenv("NOTILOG_WORKER__SHUTDOWN_GRACE", "1")
    schema.load()
    made = servers.sender()
    yield made
    made.close()


@pytest.fixture
def known(database_url: str) -> Known:
    return Known(database_url)


async def make(admin: Person, discord: Discord, token: str, **env: Any) -> str:
    body = {"name": "guild", "env": {"token": token, "api_base": discord.api_base, **env}}
    answer = await admin.api.post("observers", json=body)
    assert answer.status_code == 201, answer.text
    assert token not in answer.text
    return str(answer.json()["id"])


async def sessions(admin: Person, observer: str) -> list[dict[str, Any]]:
    answer = await admin.api.get(f"observers/{observer}/voice_sessions")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def when(condition: Any, what: str) -> None:
    """Wait in a thread, so that the Discord goes on meanwhile."""
    await asyncio.to_thread(wait_until, condition, what)


def rows(known: Known, table: str, observer: str, more: str = "true") -> int:
    query = f"SELECT count(*) FROM {table} WHERE observer_id = %s AND {more}"  # noqa: S608
    with psycopg.connect(known.database) as connection:
        found = connection.execute(query.encode(), [observer]).fetchone()
    return int(found[0]) if found else 0


def have_ended(known: Known, observer: str, sessions: int) -> bool:
    return rows(known, "voice_sessions", observer, "ended_at IS NOT NULL") == sessions


async def test_sessions_outlive_a_killed_worker_and_the_token_is_nowhere(
    app: celery.Celery, admin: Person, discord: Discord, known: Known, tmp_path: Path
) -> None:
    bot = discord.make_bot()
    guild = discord.make_guild(bot, channels=("Talk", "Games"))
    talk, games = guild.rooms.values()
    ann, ben, cat = (discord.person(name) for name in ("ann", "ben", "cat"))
    discord.join(guild, ann, talk)
    with ExitStack() as stack:
        first = stack.enter_context(servers.worker(tmp_path, name="first"))
        one = await make(admin, discord, bot.token)
        await when(known.is_in("running", one), "running")
        discord.join(guild, ben, talk)
        discord.update(guild, ben, self_mute=True)
        discord.move(guild, ben, games)
        await when(lambda: rows(known, "voice_actions", one, "kind = 'move'") == 1, "the move")

        second = stack.enter_context(servers.worker(tmp_path, name="second"))
        first.process.kill()
        discord.leave(guild, ann)
        discord.join(guild, cat, games)
        taken_over = known.is_in("running", one, worker="second")
        await asyncio.to_thread(wait_ticking, app, taken_over, "the take-over")
        await when(lambda: rows(known, "voice_sessions", one) == 4, "what was missed")
        found = {
            (session["member_name"], session["channel_name"]): (
                session["start_estimated"],
                session["end_estimated"],
                session["end_reason"],
            )
            for session in await sessions(admin, one)
        }
        assert found == {
            ("Ann", "Talk"): (True, True, "gap"),
            ("Ben", "Talk"): (False, False, "moved"),
            ("Ben", "Games"): (False, False, None),
            ("Cat", "Games"): (True, False, None),
        }

        task = known.row(one)["task_id"]
        await asyncio.to_thread(servers.control, tmp_path, "control", "terminate", "SIGTERM", task)
        await when(known.is_in("stopped", one), "control terminate")
        await when(lambda: not discord.gateway.conversations, "the end of the connection")
        logs = first.log.read_text() + second.log.read_text()
    assert bot.token not in logs
    assert bot.token.encode() not in known.row(one)["sealed"]
    assert bot.token not in str(known.row(one)["env"])


async def test_two_observers_of_a_bot_share_its_connection(
    app: celery.Celery, admin: Person, discord: Discord, known: Known, tmp_path: Path
) -> None:
    bot = discord.make_bot()
    guild = discord.make_guild(bot, channels=("Talk", "Games"))
    talk, games = guild.rooms.values()
    ann = discord.person("ann")
    with servers.worker(tmp_path):
        everything = await make(admin, discord, bot.token)
        await when(known.is_in("running", everything), "the first")
        only_games = await make(admin, discord, bot.token, target_list=[str(games.id)])
        await when(known.is_in("running", only_games), "the second")
        assert len(discord.connections) == 1
        discord.join(guild, ann, talk)
        discord.move(guild, ann, games)
        discord.leave(guild, ann)
        for one, many in ((everything, 2), (only_games, 1)):
            await when(partial(have_ended, known, one, many), "the sessions")
        stopped = await admin.api.post(f"observers/{everything}/stop")
        assert stopped.status_code == 200
        await when(known.is_in("stopped", everything), "the stop")
        discord.join(guild, ann, games)
        await when(
            lambda: rows(known, "voice_sessions", only_games, "ended_at IS NULL") == 1, "the other"
        )
        assert len(discord.connections) == 1


async def test_a_wrong_token_fails_for_ever_until_it_is_changed(
    app: celery.Celery, admin: Person, discord: Discord, known: Known, tmp_path: Path
) -> None:
    bot: Bot = discord.make_bot()
    with servers.worker(tmp_path):
        one = await make(admin, discord, "MTI.wrong.token")
        await when(known.is_in("failed", one), "the failure")
        row = known.row(one)
        assert row["desired"] == "running"
        assert row["task_id"] is None
        assert "token" in row["last_error"]
        assert "MTI.wrong" not in row["last_error"]
        app.send_task("observers.reconcile")
        changed = await admin.api.patch(f"observers/{one}", json={"env": {"token": bot.token}})
        assert changed.status_code == 200, changed.text
        await when(known.is_in("running", one), "the good token")
