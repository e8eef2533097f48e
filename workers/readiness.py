"""Telling whoever started this worker that it takes tasks now, in systemd's way."""

import socket
from typing import Any

import structlog

from notilog import sources

log = structlog.get_logger(__name__)


def announce(*, sender: Any, **_: Any) -> None:
    """Send ``READY=1`` to the socket of ``NOTIFY_SOCKET``, if there is one."""
    path = sources.notify_socket()
    if path is None:
        return
    message = f"READY=1\nSTATUS={sender.hostname}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.sendto(message.encode(), path)
    except OSError as error:  # who started it does not listen any more, as after a restart
        log.debug("readiness_not_announced", reason=str(error))
