"""`python -m api`: serves the API with several processes, all of whose lines are of our format."""

import argparse
import multiprocessing
import signal
import sys

import uvicorn
from fastapi import FastAPI

from api.main import make_app
from notilog import log_output, orphans
from notilog import settings as schema
from notilog.fallbacks import ConfigurationError

SECONDS_TO_STOP = 2


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
        "api.__main__:serving",
        factory=True,
        host=given.host,
        port=given.port,
        workers=given.workers,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SECONDS_TO_STOP,
    )


def serving() -> FastAPI:
    """The application of one process, which has just been started and may be a child."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None and supervisor.pid is not None:
        orphans.end_with(supervisor.pid, by=signal.SIGKILL)
        log_output.configure(schema.load(), process="api")
    return make_app()


if __name__ == "__main__":
    main()
