"""What an agent is told to do: which files and units to follow, what to check, and how often."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    field_validator,
    model_validator,
)

from notilog.logs.levels import NUMBERS

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Place = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
Port = Annotated[int, Field(ge=1, le=65_535)]
LARGEST: Final = 200_000
"""Bytes of JSON: they must fit into a frame of 256 KiB."""
LARGEST_NAMES: Final = 20_000
"""Bytes of the names of all checks: every heartbeat has them, and may have 64 KiB."""
EXAMPLE: dict[str, Any] = {
    "files": [{"path": "/var/log/nginx/*.log", "project": "web", "module": "nginx"}],
    "journald": {"project": "host", "units": ["ssh.service"]},
    "checks": [{"name": "nginx", "kind": "process", "match": "nginx"}],
    "check_seconds": 15,
}


class Part(BaseModel):
    """A part of the settings; what it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FollowedFile(Part):
    """Files whose new lines are records."""

    path: Place = Field(description="an absolute path; `*` and `?` stand for anything in a name")
    project: Text
    module: Text
    level: str = Field("info", description="of lines that do not tell their own")

    @field_validator("path")
    @classmethod
    def _is_absolute(cls, value: str) -> str:
        if not value.startswith("/"):
            raise ValueError("must be an absolute path")
        return value

    @field_validator("level")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in NUMBERS:
            raise ValueError(f"must be one of {', '.join(NUMBERS)}")
        return value


class Journal(Part):
    """The journal of systemd; without units all of it."""

    project: Text
    units: list[Text] = Field(default_factory=list, max_length=200)


class ProcessCheck(Part):
    """That a process runs whose command line has the words in it."""

    name: Text
    kind: Literal["process"]
    match: Text


class PortCheck(Part):
    """That something listens on a port."""

    name: Text
    kind: Literal["port"]
    host: Text = "127.0.0.1"
    port: Port


class UrlCheck(Part):
    """That a URL answers with a status."""

    name: Text
    kind: Literal["url"]
    url: HttpUrl
    status: int = Field(200, ge=100, le=599)


class UnitCheck(Part):
    """That a unit of systemd is active."""

    name: Text
    kind: Literal["unit"]
    unit: Text


Check = Annotated[ProcessCheck | PortCheck | UrlCheck | UnitCheck, Field(discriminator="kind")]


class AgentSettings(Part):
    """The settings of one agent; each has a default that does nothing."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    files: list[FollowedFile] = Field(default_factory=list, max_length=200)
    journald: Journal | None = None
    checks: list[Check] = Field(default_factory=list, max_length=200)
    check_seconds: float = Field(15.0, ge=1, le=3_600)
    heartbeat_seconds: float | None = Field(
        None, ge=1, le=300, description="by default what the platform's settings say"
    )

    @model_validator(mode="after")
    def _fit_into_a_frame(self) -> Self:
        if len(self.model_dump_json().encode()) > LARGEST:
            raise ValueError(f"are more than {LARGEST} bytes")
        return self

    @field_validator("checks")
    @classmethod
    def _have_names_of_their_own(cls, value: list[Check]) -> list[Check]:
        names = [check.name for check in value]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"have the same name: {', '.join(sorted(twice))}")
        if sum(len(name.encode()) for name in names) > LARGEST_NAMES:
            raise ValueError(f"have names of more than {LARGEST_NAMES} bytes together")
        return value
