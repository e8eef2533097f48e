"""Children that do not want to end are ended, each group at its deadline."""

import asyncio
import os
import sys
import time

import psutil

from notilog.ops.supervisor import Child, Supervisor

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"  # noqa: E501  a program
NAMES = ("one", "two", "three")


async def test_what_ignores_the_request_to_end_is_ended_by_force_at_the_deadline() -> None:
    others = set(psutil.Process().children())
    output: list[bytes] = []
    supervisor = Supervisor(output.append, coloured=False)
    for name in NAMES:
        supervisor.start(Child(name, (sys.executable, "-c", STUBBORN), "red", dict(os.environ)))
    while b"".join(output).count(b"| up\n") < len(NAMES):  # noqa: ASYNC110  other processes set no event
        await asyncio.sleep(0.02)
    children = set(psutil.Process().children()) - others
    assert len(children) == len(NAMES)
    await supervisor.stop("one", by=time.monotonic() + 0.1)
    await supervisor.stop("two", "three", by=time.monotonic() - 1)
    assert b"".join(output).count(b"ending it by force") == len(NAMES)
    assert not [one for one in children if one.is_running() and one.status() != "zombie"]
