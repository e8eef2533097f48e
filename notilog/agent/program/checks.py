"""Whether a process, a port, an address or a unit of systemd is as it should be."""

import asyncio
import http.client
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import psutil

from notilog.agent.program.settings import Check, PortCheck, ProcessCheck, UnitCheck, UrlCheck
from notilog.agent.program.threads import StillHangs, Threads

PATIENCE: Final = 5.0
"""Seconds for each step of a check."""
LONGEST: Final = 15.0
"""Seconds for a whole check."""

_SHOWN: Final = 200
_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found just now."""

    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found, and since when it has been so (RFC 3339)."""

    name: str
    kind: str
    ok: bool
    detail: str
    since: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Checking:
    """Runs checks and remembers since when each has been as it is.

    A check is as it is until two runs in succession find it otherwise, so that one that flaps is
    no news each time; one that fails in its first run is not told of before the second.
    """

    def __init__(self) -> None:
        self.outcomes: tuple[Outcome, ...] = ()
        self._checks: Sequence[Check] = ()
        self._doubted: frozenset[str] = frozenset()
        self._threads = Threads()

    @property
    def is_in_doubt(self) -> bool:
        """Whether some check went otherwise just now, and should soon be run again."""
        return bool(self._doubted)

    def follow(self, checks: Sequence[Check]) -> None:
        """Run these from now on; one that stays the same keeps its ``since``."""
        kept = {(one.name, one.kind) for one in checks}
        same = {(one.name, one.kind) for one in self._checks if one in checks}
        self.outcomes = tuple(one for one in self.outcomes if (one.name, one.kind) in kept & same)
        self._checks = tuple(checks)
        self._doubted = frozenset()

    async def run(self) -> None:
        """Run every check once, several at a time."""
        checks, gate = self._checks, asyncio.Semaphore(_AT_ONCE)
        findings = await asyncio.gather(*(self._found(check, gate) for check in checks))
        if checks is not self._checks:
            return
        before = {one.name: one for one in self.outcomes}
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        outcomes, doubted = [], set()
        for check, finding in zip(checks, findings, strict=True):
            last = before.get(check.name)
            is_as_before = finding.ok if last is None else finding.ok == last.ok
            if not is_as_before and check.name not in self._doubted:
                doubted.add(check.name)
                if last is not None:
                    outcomes.append(replace(last, detail=f"just now: {finding.detail}"[:_SHOWN]))
                continue
            since = last.since if last is not None and is_as_before else now
            outcomes.append(
                Outcome(check.name, check.kind, finding.ok, finding.detail[:_SHOWN], since)
            )
        self.outcomes, self._doubted = tuple(outcomes), frozenset(doubted)

    async def _found(self, check: Check, gate: asyncio.Semaphore) -> Finding:
        async with gate:
            try:
                return await self._threads.run(check, lambda: find(check), patience=LONGEST)
            except StillHangs:
                return Finding(ok=False, detail="no answer since it was run last")
            except TimeoutError:
                return Finding(ok=False, detail=f"no answer within {LONGEST:g} s")


def find(check: Check) -> Finding:
    """Run a check; may wait for some seconds, and raises nothing."""
    try:
        return FINDERS[type(check)](check)
    except Exception as error:  # noqa: BLE001  whatever went wrong, the check has failed
        return Finding(ok=False, detail=f"{type(error).__name__}: {error}")


def _process(check: ProcessCheck) -> Finding:
    found = []
    for process in psutil.process_iter(["name", "cmdline", "status"]):
        info = process.info
        if process.pid == os.getpid() or info["status"] == psutil.STATUS_ZOMBIE:
            continue
        if info["name"] == check.match or check.match in " ".join(info["cmdline"] or ()):
            found.append(process.pid)
    if not found:
        return Finding(ok=False, detail=f"no process matches {check.match}")
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return Finding(ok=True, detail=f"pid {min(found)}{more}")


def _port(check: PortCheck) -> Finding:
    try:
        socket.create_connection((check.host, check.port), PATIENCE).close()
    except OSError as error:
        return Finding(ok=False, detail=f"{check.host}:{check.port}: {error}")
    return Finding(ok=True, detail=f"{check.host}:{check.port} takes connections")


def _url(check: UrlCheck) -> Finding:
    parts = urlsplit(check.url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(
            host, parts.port, timeout=PATIENCE, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=PATIENCE)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("GET", target, headers={"User-Agent": "notilog-agent"})
        status = connection.getresponse().status
    finally:
        connection.close()
    if status == check.status:
        return Finding(ok=True, detail=f"status {status}")
    return Finding(ok=False, detail=f"status {status}, not {check.status}")


def _unit(check: UnitCheck) -> Finding:
    program = shutil.which("systemctl")
    if program is None:
        return Finding(ok=False, detail="there is no systemctl here")
    done = subprocess.run(  # noqa: S603  the unit's name is checked, there is no shell
        (program, "is-active", "--", check.unit),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        text=True,
    )
    said = (done.stdout.strip() or done.stderr.strip() or f"status {done.returncode}").splitlines()
    return Finding(ok=done.returncode == 0, detail=said[0])


FINDERS: Final[dict[type, Callable[[Any], Finding]]] = {
    ProcessCheck: _process,
    PortCheck: _port,
    UrlCheck: _url,
    UnitCheck: _unit,
}
