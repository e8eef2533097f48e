"""Observers on a running platform: what people do in voice channels, seen over REST.

The Discord is ours; the bot's token must be nowhere but in the hands of the worker.
"""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
import pytest
from psycopg import sql

from tests.acceptance.platform import Platform
from tests.outside.discord import Discord, discord_server
from tests.servers.process import wait_until

ROOT = Path(__file__).resolve().parents[2]

Found = TypeVar("Found")
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Discord in a loop and a thread of its own; it is acted on there."""

    loop: asyncio.AbstractEventLoop
    discord: Discord

    def do(self, act: Callable[[], Found]) -> Found:
        async def acting() -> Found:
            return act()

        return asyncio.run_coroutine_threadsafe(acting(), self.loop).result(10)

    def down(self) -> None:
        asyncio.run_coroutine_threadsafe(self.discord.down(), self.loop).result(10)

    def up(self) -> None:
        asyncio.run_coroutine_threadsafe(self.discord.up(), self.loop).result(10)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    serving = discord_server()
    made = asyncio.run_coroutine_threadsafe(serving.__aenter__(), loop).result(10)
    yield Elsewhere(loop, made)
    asyncio.run_coroutine_threadsafe(serving.__aexit__(None, None, None), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def admin(running_platform: Platform) -> Iterator[httpx.Client]:
    with running_platform.admin() as client:
        yield client


def everything(admin: httpx.Client, path: str) -> list[Answer]:
    answer = admin.get(path)
    assert answer.status_code == 200, answer.text
    found: list[Answer] = answer.json()["items"]
    return found


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_people_come_and_go_while_the_connection_does_not_last(
    running_platform: Platform, admin: httpx.Client, elsewhere: Elsewhere
) -> None:
    discord, do = elsewhere.discord, elsewhere.do
    bot = do(discord.make_bot)
    guild = do(lambda: discord.make_guild(bot, name="Ours", channels=("Talk", "Games")))
    talk, games = guild.rooms.values()
    ann, ben = do(lambda: [discord.person(name) for name in ("ann", "ben")])

    env = {"token": bot.token, "api_base": discord.api_base}
    made = admin.post("/observers", json={"name": "Ours", "env": env})
    assert made.status_code == 201, made.text
    assert bot.token not in made.text
    path = f"/observers/{made.json()['id']}"
    wait_until(lambda: admin.get(path).json()["state"] == "running", "the observer")

    begun = datetime.now(UTC)
    do(lambda: discord.join(guild, ann, talk))
    do(lambda: discord.join(guild, ben, talk))
    do(lambda: discord.update(guild, ben, self_mute=True))
    do(lambda: discord.move(guild, ben, games))
    do(lambda: discord.leave(guild, ann))
    wait_until(lambda: len(everything(admin, f"{path}/actions")) == 5, "the actions")
    actions = everything(admin, f"{path}/actions")[::-1]
    assert [(one["member_name"], one["kind"]) for one in actions] == [
        ("Ann", "join"),
        ("Ben", "join"),
        ("Ben", "self_mute"),
        ("Ben", "move"),
        ("Ann", "leave"),
    ]
    at = {(one["member_name"], one["kind"]): instant(one["at"]) for one in actions}
    assert begun <= min(at.values()) <= max(at.values()) <= datetime.now(UTC)
    closed = {
        (one["member_name"], one["channel_name"]): (
            instant(one["started_at"]),
            instant(one["ended_at"]),
            one["end_reason"],
        )
        for one in everything(admin, f"{path}/voice_sessions")
        if one["ended_at"]
    }
    assert closed == {
        ("Ann", "Talk"): (at["Ann", "join"], at["Ann", "leave"], "left"),
        ("Ben", "Talk"): (at["Ben", "join"], at["Ben", "move"], "moved"),
    }

    elsewhere.down()
    wait_until(lambda: admin.get(path).json()["state"] == "reconnecting", "the loss")
    do(lambda: discord.leave(guild, ben))
    do(discord.forget_sessions)
    elsewhere.up()
    wait_until(lambda: admin.get(path).json()["state"] == "running", "the return", patience=90)
    wait_until(
        lambda: all(one["ended_at"] for one in everything(admin, f"{path}/voice_sessions")),
        "the end of the session that nobody saw",
    )
    (gap,) = (
        one for one in everything(admin, f"{path}/voice_sessions") if one["end_reason"] == "gap"
    )
    assert (gap["member_name"], gap["end_estimated"]) == ("Ben", True)

    task = admin.get(path).json()["task_id"]
    celery = (sys.executable, "-m", "celery", "-A", "workers.app")
    environment = {**os.environ, "NOTILOG_STATE_DIR": str(running_platform.state)}
    subprocess.run(
        (*celery, "control", "terminate", "SIGTERM", task),
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        timeout=60,
    )
    wait_until(lambda: admin.get(path).json()["state"] == "stopped", "control terminate")
    assert admin.get(path).json()["changed_by"] == "celery control"

    told = [admin.get(path).text, admin.get("/observers").text, admin.get("/status").text]
    flower = _flower(running_platform)
    assert task in flower
    told += [flower, running_platform.output.read_text(), *_stored(running_platform)]
    assert not any(bot.token in text or bot.token.encode().hex() in text for text in told)
    assert admin.delete(path).status_code == 204
    assert admin.get(path).status_code == 404


def _flower(platform: Platform) -> str:
    """Everything that Flower knows of tasks."""
    password = (platform.state / "flower-password").read_text().strip()
    answer = httpx.get(f"{platform.flower_url}/api/tasks", auth=("admin", password), timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.text


def _stored(platform: Platform) -> Iterator[str]:
    """The text of every row of every table."""
    settings = (platform.state / "assumed.env").read_text()
    url = settings.partition("NOTILOG_DATABASE_URL='")[2].partition("'")[0]
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (name,) in tables.fetchall():
            query = sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(name))
            yield "\n".join(row for (row,) in connection.execute(query))
