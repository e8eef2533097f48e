"""The bench's receiver of mail and webhooks as a process of its own, and what it counted."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Counts:
    """What has arrived: all messages, and different ids among them."""

    total: int
    distinct: int


@dataclass(frozen=True, slots=True)
class Sink:
    """A receiver that counts every message by its id, fast enough not to be waited for."""

    mail_port: int
    hook_port: int

    def settings(self) -> dict[str, str]:
        """The environment in which NotiLog sends to it."""
        return {
            "NOTILOG_CHANNELS__EMAIL__HOST": "127.0.0.1",
            "NOTILOG_CHANNELS__EMAIL__PORT": str(self.mail_port),
            "NOTILOG_CHANNELS__EMAIL__TLS": "none",
            "NOTILOG_CHANNELS__WEBHOOK__URL": f"http://127.0.0.1:{self.hook_port}/",
            "NOTILOG_CHANNELS__WEBHOOK__SECRET": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
            "NOTILOG_CHANNELS__WEBHOOK__ALLOW_PRIVATE": "true",
        }

    def arrived(self) -> Counts:
        with socket.create_connection(("127.0.0.1", self.mail_port)) as connection:
            answers = connection.makefile("rwb")
            answers.readline()
            answers.write(b"STAT\r\n")
            answers.flush()
            _, total, distinct = answers.readline().split()
        return Counts(int(total), int(distinct))


@contextmanager
def sink() -> Iterator[Sink]:
    process = subprocess.Popen(
        (sys.executable, "-m", "bench.sink"), cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        mail, hook = process.stdout.readline().split()
        yield Sink(int(mail), int(hook))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
