"""Whether each part of a starting platform answers already, and waiting until it does."""

import asyncio
import http.client
import json
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping

import psycopg
import redis.asyncio
from redis.exceptions import RedisError

from notilog.errors import Unavailable
from notilog.ops.services import WORKERS, ping

PATIENCE = 60.0
PAUSE = 0.05
HTTP_OK = 200


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Ask again and again until ``condition`` holds.

    Raises:
        Unavailable: it did not within a minute.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            while not await condition():  # noqa: ASYNC110  other processes set no event
                await asyncio.sleep(PAUSE)
    except TimeoutError as error:
        raise Unavailable(
            f"{what} did not happen within {PATIENCE:.0f} s; its output above says why"
        ) from error


async def postgres_answers(url: str) -> bool:
    try:
        connection = await psycopg.AsyncConnection.connect(url, connect_timeout=2)
    except psycopg.OperationalError:
        return False
    await connection.close()
    return True


async def redis_answers(url: str) -> bool:
    """Whether it answers; while it reads its file back it does not."""
    try:
        async with redis.asyncio.from_url(url, socket_timeout=2) as client:
            return bool(await client.ping())
    except RedisError:
        return False


async def api_is_ready(host: str, port: int) -> bool:
    return await asyncio.to_thread(_answers_ok, host, port, "/health/ready")


async def workers_answer(environment: Mapping[str, str]) -> bool:
    """Whether every worker of this machine answers through the broker."""
    host = socket.gethostname()
    expected = {f"{name}@{host}" for name in WORKERS}
    command = ping(*sorted(expected))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command[1:],
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode == 0 and expected <= set(json.loads(output))


def _answers_ok(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTP_OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
