"""Whether each part of a starting platform answers already, and waiting until it does."""

import asyncio
import http.client
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import redis.asyncio
from redis.exceptions import RedisError

from notilog.errors import Unavailable

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


@contextmanager
def announcements() -> "Iterator[Announcements]":
    """A socket at which started programs say that they are ready, in systemd's way."""
    with TemporaryDirectory(prefix="notilog-") as folder:
        path = str(Path(folder) / "ready")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
            listening.setblocking(False)
            listening.bind(path)
            yield Announcements(path, listening)


@dataclass(frozen=True, slots=True)
class Announcements:
    """The other end of what programs send to ``NOTIFY_SOCKET``, which is ``path``."""

    path: str
    listening: socket.socket

    async def of_workers(self, names: Iterable[str]) -> None:
        """Wait until every one of these workers of this machine takes tasks.

        Raises:
            Unavailable: one of them did not within a minute.
        """
        missing = {f"{name}@{socket.gethostname()}" for name in names}
        try:
            async with asyncio.timeout(PATIENCE):
                while missing:
                    message = await asyncio.get_running_loop().sock_recv(self.listening, 4096)
                    missing -= {message.decode().partition("STATUS=")[2]}
        except TimeoutError as error:
            raise Unavailable(
                f"not ready within {PATIENCE:.0f} s: {', '.join(sorted(missing))}; "
                "the output above says why"
            ) from error


def _answers_ok(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTP_OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
