"""The `logging.Handler` by which a program sends its records to NotiLog.

Use, settings and what happens while the server is away: docs/send-logs.md.
"""

import hashlib
import logging
import os
import re
import socket
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from notilog.agent.backlog import Backlog, Gathering
from notilog.agent.lines import Origin, line_of, warning_line
from notilog.agent.notices import Notices
from notilog.agent.outbox import Outbox
from notilog.agent.sending import Destination, checked_token
from notilog.agent.shipping import OwnThread, Shipping
from notilog.agent.spool import Spool
from notilog.agent.texts import word

MOST_IN_BATCH: Final = 4_999
"""The server takes 5,000 records, and a warning may be added."""

_LEAST_SPOOL: Final = 1024 * 1024
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class _Options:
    """What a fresh start in a forked child needs."""

    url: str
    token: str | None
    token_file: Path | None
    timeout: float
    insecure: bool
    spool: Path | None
    spool_bytes: int
    queue_records: int
    gathering: Gathering

    def read_token(self) -> str:
        if self.token is not None:
            return self.token
        assert self.token_file is not None  # noqa: S101  one of both is there
        return self.token_file.read_text(encoding="utf-8")


class NotiLogHandler(logging.Handler):
    """Sends records in batches from a thread of its own; logging never waits and never fails.

    Args:
        url: the address of NotiLog; ``http`` to another machine only when ``insecure``.
        token: an API token with the scope ``logs:write``; or its file, read for each batch.
        project: the project of all records.
        module: their module; else each record's is the name of its logger.
        token_file: instead of ``token``.
        service: a name of the program.
        environment: such as ``production``.
        host: else the name of this machine.
        spool: a folder that keeps batches until the server has them; without it they are in memory.
        queue_records: records waiting to be gathered; beyond these they are dropped and counted.
        batch_records: the most in one batch, up to 4,999.
        batch_seconds: the longest that a record waits to be gathered.
        spool_bytes: beyond these on disk the oldest batches are dropped and counted.
        timeout: seconds that any step of a request may take.
        close_seconds: how long the end of the program may be put off to send what is left.
        insecure: allow an ``http`` address that is not of this machine.

    Raises:
        ValueError: an option is wrong.
        OSError: the spool's folder cannot be made.
    """

    def __init__(  # noqa: PLR0913  the keys of a handler in dictConfig
        self,
        url: str,
        token: str | None = None,
        *,
        project: str,
        module: str | None = None,
        token_file: "str | os.PathLike[str] | None" = None,
        service: str | None = None,
        environment: str | None = None,
        host: str | None = None,
        spool: "str | os.PathLike[str] | None" = None,
        queue_records: int = 10_000,
        batch_records: int = 1000,
        batch_seconds: float = 1.0,
        spool_bytes: int = 256 * _MIB,
        timeout: float = 10.0,
        close_seconds: float = 3.0,
        insecure: bool = False,
    ) -> None:
        if not project:
            raise ValueError("project: a name is expected")
        _check_numbers(batch_records, spool_bytes, queue_records, batch_seconds)
        self._origin = Origin(
            word(project),
            word(module) if module else None,
            word(host if host is not None else socket.gethostname()),
            word(service) if service is not None else None,
            word(environment) if environment is not None else None,
        )
        self._close_seconds = close_seconds
        self._options = _Options(
            url,
            _given_token(token, token_file),
            Path(token_file) if token_file is not None else None,
            timeout,
            insecure,
            _folder(Path(spool).absolute(), url, project) if spool is not None else None,
            spool_bytes,
            queue_records,
            Gathering(batch_records, batch_seconds),
        )
        self._notices = Notices()
        self._shipping = self._fresh_shipping()
        if self._options.spool is not None:
            self._options.spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        super().__init__()  # `logging` knows of it from here on, so nothing may fail any more
        _handlers.add(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._options.url} ({logging.getLevelName(self.level)})>"

    @property
    def dropped(self) -> int:
        """Records of this process for which there was no room, or whose whole batch was refused."""
        return self._shipping.dropped

    @property
    def rejected(self) -> int:
        """Records of this process that the server rejected one by one."""
        return self._shipping.rejected

    def handle(self, record: logging.LogRecord) -> bool:
        """Take the record, unless it is of a thread that sends logs.

        Without the handler's lock: nobody shall wait for a record that takes long to format, or
        for `close`.
        """
        if isinstance(threading.current_thread(), OwnThread):
            return False
        kept = self.filter(record)
        if kept:
            self.emit(kept if isinstance(kept, logging.LogRecord) else record)
        return bool(kept)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._shipping.take(line_of(record, self._origin, formatter=self.formatter))
        except Exception as error:  # noqa: BLE001  logging must not break the program
            self._shipping.drop()
            self._notices.say("emit", f"a record was lost: {type(error).__name__}")

    def flush(self, timeout: float | None = None) -> bool:  # type: ignore[override]  # asks less
        """Wait until the server has all of this process's records; whether it has."""
        return self._shipping.flush(self._close_seconds if timeout is None else timeout)

    def close(self) -> None:
        """Send for a few seconds, leave the rest in the spool, and end the threads."""
        self._shipping.close(self._close_seconds)
        super().close()

    def start_afresh(self) -> None:
        """Begin anew in a forked child: what waits in memory is the parent's to send."""
        self._shipping.abandon()
        self._shipping = self._fresh_shipping()

    def _fresh_shipping(self) -> Shipping:
        options = self._options
        spool = Spool(options.spool, options.spool_bytes) if options.spool is not None else None
        destination = Destination(
            options.url,
            token=options.read_token,
            timeout=options.timeout,
            insecure=options.insecure,
        )
        return Shipping(
            Backlog(options.queue_records, options.gathering),
            Outbox(spool, self._notices),
            destination=destination,
            notices=self._notices,
            warning=self._warning,
        )

    def _warning(self, text: str, created: float) -> bytes:
        return warning_line(text, self._origin, created=created)


def _check_numbers(
    batch_records: int, spool_bytes: int, queue_records: int, batch_seconds: float
) -> None:
    if not 1 <= batch_records <= MOST_IN_BATCH:
        raise ValueError(f"batch_records: 1 to {MOST_IN_BATCH}")
    if spool_bytes < _LEAST_SPOOL:
        raise ValueError(f"spool_bytes: at least {_LEAST_SPOOL}")
    if queue_records < 1 or batch_seconds < 0:
        raise ValueError("queue_records and batch_seconds: more than nothing")


def _given_token(token: str | None, token_file: object) -> str | None:
    if (token is None) == (token_file is None):
        raise ValueError("either token or token_file is expected")
    return checked_token(token) if token is not None else None


def _folder(spool: Path, url: str, project: str) -> Path:
    """The folder of one destination: a token may not write to another project."""
    digest = hashlib.sha256(f"{url.rstrip('/')}\0{project}".encode()).hexdigest()
    readable = re.sub(r"[^\w-]", "_", project, flags=re.ASCII)[:40]
    return spool / f"{readable}-{digest[:16]}"


_handlers: "weakref.WeakSet[NotiLogHandler]" = weakref.WeakSet()


def _start_afresh() -> None:
    for handler in list(_handlers):
        handler.start_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
