"""What is done with files beside writing them: closing by age, compressing, sending, deleting.

Any number may tidy one folder at any time: only one of them does, and when it dies another one
goes on where it was.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Final

import structlog

from notilog import config
from notilog.errors import Unavailable
from notilog.logs.files import archives, live, paths, pushing
from notilog.logs.files.folder import Folder
from notilog.logs.files.settings import FilesSettings
from notilog.logs.files.writing import is_due

log = structlog.get_logger(__name__)

LOCK: Final = ".tidy.lock"
PATIENCE: Final = 45.0
"""Seconds of compressing, after which the rest is left to the next time."""
FORGET_AFTER: Final = timedelta(days=1)
DAY_IS_OVER: Final = timedelta(hours=1)


async def tidy(now: datetime) -> bool:
    """Bring the folder in order; whether it was done, and not by another one at this time.

    Raises:
        OSError: the disk is broken.
    """
    settings = config.section(FilesSettings)
    folder = Folder(Path(settings.folder))
    with _alone(folder) as alone:
        if alone:
            await asyncio.to_thread(_close, folder, settings, now)
            await _compress(folder, settings)
            # Before sending, which an endpoint that hangs makes long: the disk must not fill up.
            await asyncio.to_thread(_delete, folder, settings, now)
            await _push(folder, settings, now)
    return alone


@contextmanager
def _alone(folder: Folder) -> Iterator[bool]:
    descriptor = folder.open(LOCK, os.O_RDWR, make=True)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _close(folder: Folder, settings: FilesSettings, now: datetime) -> None:
    """Close what is old, forget what is not used, remove what was never finished."""
    archives.sweep(folder)
    for key in live.keys(folder):
        name = live.name_of(folder, key)
        try:
            if name is None:
                live.discard(folder, key)
            else:
                _close_one(folder, name, settings, now)
        except Unavailable:
            log.warning("log_file_held", file=name)


def _close_one(folder: Folder, name: str, settings: FilesSettings, now: datetime) -> None:
    with live.held(folder, name) as file:
        idle = timedelta(seconds=now.timestamp() - file.last_used_at)
        day_is_over = _is_of_another_day(name, settings, now) and idle >= DAY_IS_OVER
        if day_is_over or is_due(file, settings=settings, now=now):
            file.close(now=now)
        if idle >= FORGET_AFTER:
            file.forget()


def _is_of_another_day(name: str, settings: FilesSettings, now: datetime) -> bool:
    """Whether nothing will be written to it any more, since its template names the day."""
    dated = "date" in paths.Template(settings.path).fields
    return dated and now.date().isoformat() not in name


async def _compress(folder: Folder, settings: FilesSettings) -> None:
    if not settings.compress_level:
        return
    began = monotonic()
    # One thread a file: a task that is cancelled leaves at most one at work, which harms nothing.
    for one in await asyncio.to_thread(archives.closed_files, folder):
        if one.is_compressed:
            continue
        try:
            await asyncio.to_thread(
                archives.compress, folder, one.name, level=settings.compress_level
            )
        except OSError as error:
            log.warning("log_file_not_compressed", file=one.name, reason=str(error))
        if monotonic() - began > PATIENCE:
            break


async def _push(folder: Folder, settings: FilesSettings, now: datetime) -> None:
    if not settings.push_url.get_secret_value():
        return
    found = await asyncio.to_thread(archives.closed_files, folder)
    ready = [one.name for one in found if one.is_compressed or not settings.compress_level]
    await pushing.push(folder, ready, settings, now)


def _delete(folder: Folder, settings: FilesSettings, now: datetime) -> None:
    found = archives.closed_files(folder)
    doomed = archives.doomed(
        found, now, delete_days=settings.delete_days, delete_bytes=settings.delete_bytes
    )
    pushes = bool(settings.push_url.get_secret_value())
    for one in doomed:
        if pushes and pushing.outcome(folder, one.name).pushed_at is None:
            log.warning("log_file_deleted_before_it_was_pushed", file=one.name)
        archives.delete(folder, one.name)
