"""One process that serves the API; its parent, `python -m api`, loads none of this."""

import multiprocessing
import signal

from fastapi import FastAPI

from api.main import make_app
from notilog import log_output, orphans
from notilog import settings as schema


def serving() -> FastAPI:
    """The application of one process, which has just been started and may be a child."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None and supervisor.pid is not None:
        orphans.end_with(supervisor.pid, by=signal.SIGKILL)
        log_output.configure(schema.load(), process="api")
    return make_app()
