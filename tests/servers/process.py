"""Starting a server, waiting until it answers, and ending it for certain."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from notilog.ops.embedded import Program, as_account

PATIENCE = 30.0


def wait_until(condition: Callable[[], bool], what: str, *, patience: float = PATIENCE) -> None:
    """Poll ``condition`` until it holds; errors of a connection count as "not yet"."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except (OSError, ConnectionError):
            pass
        time.sleep(0.02)
    raise TimeoutError(f"{what} did not happen within {patience:g} s")


@contextmanager
def running(
    program: Program, log: Path, *, stop_signal: int = signal.SIGTERM, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``program`` in a process group of its own, its output in ``log``."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            program.command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **{"cwd": "/", **as_account(program.user), **options},
        )
    try:
        yield process
    finally:
        end(process, stop_signal)


def end(process: subprocess.Popen[bytes], stop_signal: int = signal.SIGTERM) -> None:
    """Stop the process politely, then its whole group by force."""
    if process.poll() is None:
        process.send_signal(stop_signal)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
