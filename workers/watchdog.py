"""A thread that notices when the event loop stands still, and says where."""

import asyncio
import sys
import threading
import traceback

import structlog

log = structlog.get_logger(__name__)

INTERVAL = 1.0


class Watchdog(threading.Thread):
    """Asks ``loop`` for an answer every second; one late by ``patience`` seconds is a warning."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, thread: threading.Thread, *, patience: float
    ) -> None:
        super().__init__(name="loop-watchdog", daemon=True)
        self._loop = loop
        self._thread = thread
        self._patience = patience
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(INTERVAL):
            answered = threading.Event()
            self._loop.call_soon_threadsafe(answered.set)
            if not answered.wait(self._patience):
                self._warn()
                while not answered.wait(INTERVAL) and not self._stopped.is_set():
                    pass

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def _warn(self) -> None:
        frame = sys._current_frames().get(self._thread.ident or 0)  # noqa: SLF001  no public way
        stack = "".join(traceback.format_stack(frame)) if frame else ""
        log.warning("event_loop_blocked", seconds=self._patience, stack=stack)
