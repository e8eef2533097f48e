"""Settings of the Celery workers: how they stop and what they warn of."""

from typing import ClassVar

from pydantic import Field

from notilog.config import Section


class WorkerSettings(Section):
    """How one worker process behaves."""

    section: ClassVar[str] = "worker"

    concurrency: int = Field(
        1000, ge=1, le=100_000, description="tasks at once in one process, unless -c says otherwise"
    )
    shutdown_grace: float = Field(
        6.0, ge=0, le=3600, description="seconds that running tasks get when the worker is stopped"
    )
    blocked_loop_warning: float = Field(
        2.0, ge=0.1, le=600, description="seconds the event loop may stand still without a warning"
    )
