"""Settings of the Celery workers and of Flower, which watches them."""

from typing import ClassVar

from pydantic import Field, SecretStr

from notilog.config import Section


class WorkerSettings(Section):
    """How one worker process behaves."""

    section: ClassVar[str] = "worker"

    shutdown_grace: float = Field(
        5.0,
        ge=0,
        le=3600,
        description="seconds that running tasks get when the worker is told to stop; `notilog up` "
        "stops within these and five more",
    )
    blocked_loop_warning: float = Field(
        2.0, ge=0.1, le=600, description="seconds the event loop may stand still without a warning"
    )


class FlowerSettings(Section):
    """Who may look into Flower."""

    section: ClassVar[str] = "flower"

    login: str = Field("admin", min_length=1, pattern="^[^:]+$", description="name to sign in with")
    password: SecretStr | None = Field(
        None, description="password to sign in with; `notilog up` makes one and keeps it"
    )
