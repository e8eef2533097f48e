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


def end(process: "subprocess.Popen[bytes]", stop_signal: int = signal.SIGTERM) -> None:
    """Stop the process politely, then its whole group by force.

    The group is killed while the process is not yet reaped: until then its number is surely its
    own, and no other process can have been given it.
    """
    if process.returncode is not None:
        return
    os.kill(process.pid, stop_signal)
    with suppress(TimeoutError):
        wait_until(lambda: _has_exited(process), "the end of a server", patience=10)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=10)


def _has_exited(process: "subprocess.Popen[bytes]") -> bool:
    exited = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return exited is not None
