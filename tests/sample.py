"""Two thousand lines each of several programs' logs: public samples, or lines made up like them."""

import os
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

NAME = "OpenSSH_2k.log"
COUNT = 2000
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "loghub"
BEGIN = datetime(2025, 12, 10, 6, 55, 46, tzinfo=UTC)
FIRST_PID = 24_200
MESSAGES = (
    "Invalid user webmaster from 173.234.31.186",
    "input_userauth_request: invalid user webmaster [preauth]",
    "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=",
    "Failed password for invalid user webmaster from 173.234.31.186 port 38926 ssh2",
    "Connection closed by 173.234.31.186 [preauth]",
)


def source(name: str = NAME) -> Path | None:
    """The sample in the folder that ``NOTILOG_TEST_DATA`` names, or beside the clone, if any is."""
    folder = Path(os.environ.get("NOTILOG_TEST_DATA") or BESIDE)
    return folder / name if (folder / name).is_file() else None


def required(name: str) -> Path:
    """The public sample of that name; a test that needs it is skipped where there is none."""
    found = source(name)
    if found is None:
        pytest.skip(f"no {name}; NOTILOG_TEST_DATA names the folder of the samples")
    return found


@cache
def ssh_lines() -> tuple[str, ...]:
    found = source()
    if found is not None:
        return tuple(found.read_text().splitlines())
    return tuple(_made_up(number) for number in range(COUNT))


def _made_up(number: int) -> str:
    moment = BEGIN + timedelta(seconds=7 * number)
    pid = FIRST_PID + number // len(MESSAGES)
    return f"{moment:%b %d %H:%M:%S} LabSZ sshd[{pid}]: {MESSAGES[number % len(MESSAGES)]}"
