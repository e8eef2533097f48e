"""The state directory of `notilog up`: held by one process at a time, its secrets for one account.

Besides the data of the embedded servers it holds what `up` generated (``assumed.env``), so that
`notilog doctor` or `notilog user add` beside it reach the same servers.
"""

import fcntl
import os
import secrets
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil

from notilog.errors import NotilogError
from notilog.sources import ASSUMED

LOCK = "lock"
TRIES = 20
PAUSE = 0.05
STOP_PATIENCE = 15.0


class StateUnusable(NotilogError):
    """The state directory cannot be written, or another `notilog up` holds it."""


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Keep ``directory`` for this process; the kernel gives it up when the process ends.

    Raises:
        StateUnusable: it cannot be written, or somebody holds it.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (directory / LOCK).open("a+")
    except OSError as error:
        raise StateUnusable(
            f"cannot write to the state directory {directory} ({error.strerror}): "
            "name another with --state-dir"
        ) from error
    with lock:
        if not _locked(lock):
            raise StateUnusable(
                f"the state directory {directory} is in use by process {_written(lock) or '?'}: "
                "end it with `notilog down`, or name another with --state-dir"
            )
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def holder(directory: Path) -> int | None:
    """The process that holds ``directory``, if any does.

    Raises:
        StateUnusable: somebody holds it, and which process it is cannot be found out.
    """
    path = directory / LOCK
    try:
        lock = path.open("r+")
    except OSError:
        return None
    with lock:
        for _ in range(TRIES):  # who has just taken it writes down its number next
            if _locked(lock):
                return None
            pid = _written(lock)
            if pid is not None and _has_open(pid, path):
                return pid
            time.sleep(PAUSE)
    raise StateUnusable(f"{path} is held by a process that cannot be found: end it by yourself")


def end_holder(directory: Path) -> bool:
    """Stop the process that holds ``directory`` and wait for its end; returns whether any did.

    Raises:
        StateUnusable: it may not be stopped, or has not ended in time.
    """
    pid = holder(directory)
    if pid is None:
        return False
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return True
    except PermissionError as error:
        raise StateUnusable(f"process {pid} is somebody else's: {error.strerror}") from error
    deadline = time.monotonic() + STOP_PATIENCE
    while holder(directory) == pid:
        if time.monotonic() > deadline:
            raise StateUnusable(f"process {pid} has not ended within {STOP_PATIENCE:.0f} s")
        time.sleep(PAUSE)
    return True


def remember(directory: Path, assumed: Mapping[str, str]) -> None:
    """Keep the settings that `up` made up for itself, by their names in the environment."""
    lines = (f"{name}='{value}'\n" for name, value in assumed.items())
    write_private(directory / ASSUMED, "".join(lines))


def kept_secret(path: Path) -> str:
    """The secret in ``path``, generated when there is none yet."""
    if not path.is_file():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text()


def write_private(path: Path, content: str) -> Path:
    """Write a file that only this account may read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    return path


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _written(lock: IO[str]) -> int | None:
    lock.seek(0)
    text = lock.read().strip()
    return int(text) if text.isdecimal() and int(text) > 0 else None


def _has_open(pid: int, path: Path) -> bool:
    """Whether the process has this file open: the number in it may be that of an earlier one."""
    try:
        files = psutil.Process(pid).open_files()
    except psutil.Error:
        return False
    return any(Path(file.path) == path.resolve() for file in files)
