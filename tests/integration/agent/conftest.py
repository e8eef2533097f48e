"""A server that answers at will, and handlers that send to it."""

import itertools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from notilog.agent.handler import NotiLogHandler
from tests.integration.agent.answering import Server, answering

TOKEN = "nl_very-secret"
_numbers = itertools.count()


@pytest.fixture
def server() -> Iterator[Server]:
    with answering() as made:
        yield made


Making = Callable[..., tuple[NotiLogHandler, logging.Logger]]


@contextmanager
def making(url: str) -> Iterator[Making]:
    """Makes handlers that send there, each with a logger; they are closed in the end."""
    pairs: list[tuple[NotiLogHandler, logging.Logger]] = []

    def make(**options: Any) -> tuple[NotiLogHandler, logging.Logger]:
        chosen = {"token": TOKEN, "project": "shop", "batch_seconds": 0.01, "close_seconds": 0.1}
        handler = NotiLogHandler(url, **{**chosen, **options})
        logger = logging.getLogger(f"sent{next(_numbers)}")
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        logger.addHandler(handler)
        pairs.append((handler, logger))
        return handler, logger

    yield make
    for handler, logger in pairs:
        logger.removeHandler(handler)
        handler.close()


@pytest.fixture
def make(server: Server) -> Iterator[Making]:
    with making(server.url) as made:
        yield made
