"""Sending closed files to an HTTP server: each at least once, with pauses that grow.

What became of it is remembered in a hidden file beside it. A file is not kept for a server that
never takes it: its age and the room it takes count as those of any other.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

import msgspec
import structlog

from notilog.errors import SendFailed
from notilog.logs.files.archives import PUSH
from notilog.logs.files.folder import Folder, beside
from notilog.logs.files.settings import FilesSettings
from notilog.notifications.channels import outbound
from notilog.notifications.channels.http_answers import failures, judge

log = structlog.get_logger(__name__)

NAME: Final = "{name}"
FILE_HEADER: Final = "X-Log-File"
FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=6)
_DOUBLINGS: Final = 9
_TYPES: Final = {True: "application/zstd", False: "text/plain; charset=utf-8"}


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of sending a file so far."""

    pushed_at: datetime | None = None
    attempts: int = 0
    due_at: datetime | None = None
    error: str | None = None

    def is_due(self, now: datetime) -> bool:
        return self.pushed_at is None and (self.due_at is None or self.due_at <= now)


@dataclass(frozen=True, slots=True)
class _Http:
    """The settings of one request after the other."""

    timeout: float
    allow_private: bool
    concurrency: int = 1


def outcome(folder: Folder, name: str) -> Outcome:
    """What is remembered of sending the file."""
    try:
        descriptor = folder.open(beside(name, PUSH))
    except FileNotFoundError:
        return Outcome()
    try:
        with os.fdopen(descriptor, "rb") as remembered:
            return msgspec.json.decode(remembered.read(), type=Outcome)
    except msgspec.DecodeError:
        return Outcome()


async def push(folder: Folder, names: Sequence[str], settings: FilesSettings, now: datetime) -> int:
    """Send the files that are due, one after the other, until one fails; how many were taken."""
    client = outbound.Client(_Http(settings.push_timeout, settings.push_allow_private))
    pushed = 0
    try:
        for name, before in await asyncio.to_thread(_due, folder, names, now):
            try:
                await _send(client, folder, name, settings)
            except FileNotFoundError:
                continue  # deleted meanwhile
            except SendFailed as error:
                log.warning("log_file_not_pushed", file=name, reason=str(error))
                await asyncio.to_thread(_remember, folder, name, _failed(before, error, now))
                break
            await asyncio.to_thread(_remember, folder, name, Outcome(pushed_at=now))
            pushed += 1
    finally:
        await client.close()
    return pushed


def _due(folder: Folder, names: Sequence[str], now: datetime) -> list[tuple[str, Outcome]]:
    remembered = [(name, outcome(folder, name)) for name in names]
    return [(name, before) for name, before in remembered if before.is_due(now)]


async def _send(
    client: outbound.Client, folder: Folder, name: str, settings: FilesSettings
) -> None:
    quoted = quote(name)
    url = outbound.target(
        settings.push_url.get_secret_value().replace(NAME, quoted),
        allow_private=settings.push_allow_private,
    )
    headers = {
        "Content-Type": _TYPES[name.endswith(".zst")],
        "User-Agent": "NotiLog",
        "Idempotency-Key": quoted,
        FILE_HEADER: quoted,
        **settings.header(),
    }
    with os.fdopen(folder.open(name), "rb") as content, failures(timeout=settings.push_timeout):
        async with client.session().request(
            settings.push_method, url, data=content, headers=headers, allow_redirects=False
        ) as answer:
            await answer.read()
            judge(answer.status, answer.headers)


def _failed(before: Outcome, error: SendFailed, now: datetime) -> Outcome:
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(before.attempts, _DOUBLINGS))
    if error.retry_after is not None:
        pause = max(pause, timedelta(seconds=error.retry_after))
    return Outcome(attempts=before.attempts + 1, due_at=now + pause, error=str(error))


def _remember(folder: Folder, name: str, what: Outcome) -> None:
    with folder.replacing(beside(name, PUSH)) as descriptor:
        os.write(descriptor, msgspec.json.encode(what))
