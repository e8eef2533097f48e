"""Settings of the platform's health."""

from typing import ClassVar

from pydantic import Field, SecretStr

from notilog.config import Section


class HealthSettings(Section):
    """Who is told that the platform is well."""

    section: ClassVar[str] = "health"

    dead_man_url: SecretStr | None = Field(
        None,
        description="asked every minute while all is well, so that silence tells its owner",
    )
    timeout: float = Field(10.0, gt=0, le=60, description="seconds that its answer may take")
    allow_private: bool = Field(False, description="permit it to have a private address")

    @property
    def concurrency(self) -> int:
        """One request at a time."""
        return 1
