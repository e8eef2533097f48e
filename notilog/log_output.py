"""How NotiLog's own processes write their log: one event a line on stderr, JSON or tab-separated.

Our events and those of the libraries (uvicorn, Celery, hasql, Alembic) pass through one formatter,
which keeps an event on its line whatever it holds and hides the passwords of URLs.
"""

import asyncio
import json
import logging
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from notilog import clock
from notilog.config import Settings

CHATTY = (
    "aiohttp.access",
    "alembic",
    "celery.app.trace",
    "celery.beat",
    "celery.worker.strategy",
)
"""Libraries that tell of each message or connection at "info"; in full only from "debug" on."""

SILENT = ("httpcore", "httpx", "telegram")
"""Libraries that write the URLs they ask: those of Telegram's Bot API hold the bot's token."""

_TOKEN = re.compile(r"(/bot\d+):[\w-]+", re.ASCII)
_PASSWORD = re.compile(r"(://[^\s:/@\"']*):[^\s/@\"']+@")
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    ord("\\"): "\\\\",
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}


def configure(settings: Settings, *, process: str) -> None:
    """Send everything this process logs to stderr in the format that the settings name.

    Args:
        settings: ``log_format`` and ``log_level`` of the core.
        process: what this process is called in its lines, such as ``api``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_news)
    handler.setFormatter(formatter(settings.core.log_format, process=process))
    level = logging.getLevelNamesMapping()[settings.core.log_level.upper()]
    _take_over(handler, level)
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def formatter(log_format: str, *, process: str) -> logging.Formatter:
    """The formatter of one process's lines: ``json`` or ``tab``."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _named(process),
            structlog.processors.format_exc_info,
            _as_json if log_format == "json" else _as_tabs,
        ],
    )


def masked(text: str) -> str:
    """The same text with the password, or bot's token, of every URL in it replaced by stars."""
    return _TOKEN.sub(r"\1:***", _PASSWORD.sub(r"\1:***@", text))


def silence() -> None:
    """Keep what `SILENT` libraries log from every handler, whatever level is set.

    Not by level or filter: those of a logger do not hold for the loggers below it.
    """
    for name in SILENT:
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False


def _take_over(handler: logging.Handler, level: int) -> None:
    """Make ``handler`` the only one: loggers that libraries set up for themselves are emptied."""
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        if not (logger.handlers or logger.propagate):
            continue  # silenced on purpose, as uvicorn does with its access log when told to
        logger.handlers.clear()
        logger.propagate = True
    for name in CHATTY:
        logging.getLogger(name).setLevel(level if level <= logging.DEBUG else logging.WARNING)
    silence()
    logging.captureWarnings(capture=True)


def _is_news(record: logging.LogRecord) -> bool:
    """Not that a library's background task was cancelled, which is how a process ends."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        _stamped,
    ]


def _stamped(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["ts"] = clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def _named(process: str) -> Processor:
    def name(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    return name


def _in_order(event: EventDict) -> tuple[list[str], Mapping[str, Any]]:
    fields = dict(event)
    head = [str(fields.pop(name, "")) for name in ("ts", "level", "process", "logger", "event")]
    return head, fields


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    (ts, level, process, logger, name), fields = _in_order(event)
    line = {"ts": ts, "level": level, "process": process, "logger": logger, "event": name}
    return masked(json.dumps({**line, **fields}, default=str))


def _as_tabs(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    head, fields = _in_order(event)
    cells = [*head, *(f"{name}={value}" for name, value in fields.items())]
    return "\t".join(masked(cell).translate(_ESCAPES) for cell in cells)
