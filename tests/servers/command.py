"""The command `notilog` as a user runs it, and what a refusal must look like."""

import os
import subprocess
import sys
from pathlib import Path

NOTILOG = str(Path(sys.executable).parent / "notilog")


def environment(**settings: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if "NOTILOG" not in name}
    return {**inherited, **settings}


def run(
    folder: Path, *arguments: str, stdin: str = "", **settings: str
) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    return subprocess.run(
        (NOTILOG, *arguments),
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        input=stdin,
        text=True,
        timeout=60,
        check=False,
    )


def assert_refused(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    """One clear line on stderr, a code that is not 0, and no traceback."""
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
