"""Settings of the REST API: what it accepts and how long it waits."""

from typing import ClassVar

from pydantic import Field

from notilog.config import Section


class ApiSettings(Section):
    """What one API process accepts and how long it waits for others."""

    section: ClassVar[str] = "api"

    body_limit: int = Field(
        8 * 2**20, ge=1024, le=2**30, description="bytes of a request's body as it is sent"
    )
    wakeup_timeout: float = Field(
        2.0,
        gt=0,
        le=60,
        description="seconds to hand a wake-up to the broker; the sweep does it else",
    )
    readiness_timeout: float = Field(
        3.0, gt=0, le=60, description="seconds a server may take to answer a readiness check"
    )
