"""What the agent keeps in its folder besides logs: its token, the settings, what it is doing."""

import fcntl
import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from notilog.agent.program.allowed import Allowed
from notilog.agent.program.settings import BadSettings, Settings, settings_of
from notilog.agent.program.whole_files import read_json, write_whole
from notilog.agent.sending import checked_token

TOKEN: Final = "token"  # noqa: S105  the name of a file
SETTINGS: Final = "settings.json"
STATUS: Final = "status.json"
LOCK: Final = "lock"


class InUse(Exception):
    """Another agent works on the folder."""


def hold(state: Path) -> int:
    """Make the folder, and keep other agents from it for as long as this process lives.

    Raises:
        InUse: another one was faster.
        OSError: the folder cannot be made.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(state / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise InUse(f"another agent works on {state}") from error
    return descriptor


def is_held(state: Path) -> bool:
    """Whether an agent works on the folder."""
    try:
        descriptor = os.open(state / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def read_token(state: Path) -> str | None:
    """The token, or None before the agent is enrolled.

    Raises:
        OSError: it cannot be read.
        ValueError: it is none.
    """
    path = state / TOKEN
    if not path.exists():
        return None
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(0o600)
    return checked_token(path.read_text(encoding="ascii"))


def keep_token(state: Path, token: str) -> None:
    write_whole(state / TOKEN, checked_token(token).encode() + b"\n")


def read_settings(state: Path, allowed: Allowed) -> tuple[int, Settings]:
    """The last version of the settings and these; version 0 when there are none to be followed."""
    with suppress(BadSettings, KeyError, TypeError):
        kept = read_json(state / SETTINGS)
        return int(kept["version"]), settings_of(kept["settings"], allowed)
    return 0, Settings()


def keep_settings(state: Path, version: int, given: object) -> None:
    document = {"version": version, "settings": given}
    write_whole(state / SETTINGS, json.dumps(document).encode())


def keep_status(state: Path, status: dict[str, Any]) -> None:
    """Not synced: after a crash it would be wrong anyway."""
    part = state / f"{STATUS}.part"
    part.write_text(json.dumps(status), encoding="utf-8")
    part.replace(state / STATUS)
