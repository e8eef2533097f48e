"""`python -m api`: serves the API with several processes, all of whose lines are of our format."""

import argparse
import sys

import uvicorn

from notilog import log_output
from notilog import settings as schema
from notilog.fallbacks import ConfigurationError
from notilog.realtime.protocol import LONGEST_FRAME

SECONDS_TO_STOP = 2
PING_EVERY = 20.0
PONG_WITHIN = 20.0
"""Seconds after which a peer of a WebSocket that says nothing at all is gone."""


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    words = argparse.ArgumentParser(prog="python -m api", description=__doc__)
    words.add_argument("--host", default="127.0.0.1", help="address to listen on")
    words.add_argument("--port", type=int, default=8000)
    words.add_argument("--workers", type=int, default=1, help="processes that serve")
    given = words.parse_args()
    try:
        log_output.configure(schema.load(), process="api")
    except ConfigurationError as error:
        sys.exit(f"notilog: {error}")
    uvicorn.run(
        "api.process:serving",
        factory=True,
        host=given.host,
        port=given.port,
        workers=given.workers,
        loop="uvloop",
        http="httptools",
        ws="api.sockets.wire:Wire",
        ws_max_size=LONGEST_FRAME,
        ws_per_message_deflate=False,  # a message would be compressed anew for each of thousands
        ws_ping_interval=PING_EVERY,
        ws_ping_timeout=PONG_WITHIN,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SECONDS_TO_STOP,
    )


if __name__ == "__main__":
    main()
