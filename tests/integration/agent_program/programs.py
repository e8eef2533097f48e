"""The real agent as a process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


def started(url: str, state: Path, *arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
    command = (sys.executable, "-m", "notilog.agent", "run", "--url", url, "--state", str(state))
    with (state.parent / "agent.err").open("ab") as errors:
        return subprocess.Popen(
            (*command, *arguments),
            **{"cwd": ROOT, "stdin": subprocess.DEVNULL, "stderr": errors, **options},
        )


@contextmanager
def agent(
    url: str, state: Path, *arguments: str, **options: Any
) -> "Iterator[subprocess.Popen[bytes]]":
    """A running agent, which is killed in the end if it has not ended."""
    process = started(url, state, *arguments, **options)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def leave(process: "subprocess.Popen[bytes]") -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(5)


def status(state: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        (sys.executable, "-m", "notilog.agent", "status", "--state", str(state)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ},
    )
