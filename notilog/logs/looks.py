"""Settings of how records look on a terminal: which of their fields, in which order and style."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
from rich.color import Color, ColorParseError
from rich.style import Style

from notilog.config import Section
from notilog.logs.levels import NUMBERS
from notilog.zones import zone_named

ATTRIBUTE: Final = "attrs."
"""``attrs.KEY`` as a module's name is one attribute; ``attrs`` is all the others."""
LOCAL: Final = "local"
NAMES: Final = (
    *("time", "level", "project", "module", "message", "attrs", "stack_trace"),
    *("host", "service", "environment", "logger", "trace_id", "span_id", "request_id", "id"),
)
LONGEST: Final = 200
_YEAR: Final = datetime(2000, 1, 1)  # noqa: DTZ001  only to try a format


def _plain(text: str) -> str:
    if not text.replace("\t", "").isprintable():
        raise ValueError("must not have control characters")
    return text


def _color(name: str) -> str:
    try:
        Color.parse(name)
    except ColorParseError as error:
        raise ValueError(f"no such colour: {name!r}; use one such as red or #ff8800") from error
    return name


ColorName = Annotated[str, AfterValidator(_color)]
Between = Annotated[str, Field(max_length=LONGEST), AfterValidator(_plain)]


Level = Literal["trace", "debug", "info", "notice", "warning", "error", "critical"]


class Look(BaseModel):
    """A style; what is left out is as it would be without it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    color: ColorName | None = None
    background: ColorName | None = None
    bold: bool | None = None
    dim: bool | None = None
    italic: bool | None = None
    strike: bool | None = None
    underline: bool | None = None

    def style(self, below: "Look | None" = None) -> Style:
        """The style, where it says nothing that of the look ``below``."""
        fields = self.model_dump(exclude_none=True)
        if below is not None:
            fields = below.model_dump(exclude_none=True) | fields
        return Style(bgcolor=fields.pop("background", None), **fields)


_DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "time": {"style": {"dim": True}},
    "level": {"width": max(map(len, NUMBERS)), "level_style": True},
    "project": {"style": {"color": "cyan"}},
    "module": {"style": {"color": "blue"}, "separator": "/"},
    "attrs": {"style": {"dim": True}},
    "stack_trace": {"style": {"dim": True}},
}


def _with_defaults(given: object) -> object:
    """A module's name alone stands for the module as it is by default."""
    named = {"name": given} if isinstance(given, str) else given
    if not isinstance(named, dict):
        return named
    return {**_DEFAULTS.get(str(named.get("name")), {}), **named}


class Module(BaseModel):
    """One part of a line. ``stack_trace`` has lines of its own below, wherever it is named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    enabled: bool = True
    style: Look = Look()
    level_style: bool = False
    """Whether it also has the style of the record's level."""
    width: int = Field(0, ge=0, le=LONGEST)
    """Columns that it takes at least."""
    align: Literal["left", "center", "right"] = "left"
    cut: bool = False
    """Whether it takes no more than ``width``."""
    separator: Between | None = None
    """What stands before it, instead of the separator of all."""

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in NAMES and not (name.startswith(ATTRIBUTE) and name != ATTRIBUTE):
            known = ", ".join(NAMES)
            raise ValueError(f"no such module: {name!r}; use attrs.KEY or one of {known}")
        return name

    @model_validator(mode="after")
    def _cut_to_something(self) -> Self:
        if self.cut and not self.width:
            raise ValueError("cut needs a width")
        return self


LEVELS: Final[dict[str, dict[str, Any]]] = {
    "trace": {"dim": True},
    "debug": {"color": "blue"},
    "info": {"color": "green"},
    "notice": {"color": "cyan", "bold": True},
    "warning": {"color": "yellow", "bold": True},
    "error": {"color": "red", "bold": True},
    "critical": {"color": "bright_white", "background": "red", "bold": True},
}
MODULES: Final = ["time", "level", "project", "module", "message", "attrs", "stack_trace"]


class ConsoleSettings(Section):
    """How records look on a terminal; see docs/console.md."""

    section: ClassVar[str] = "logs.console"

    modules: tuple[Annotated[Module, BeforeValidator(_with_defaults)], ...] = Field(
        cast("Any", MODULES),
        description="parts of a line in their order: names, or objects with name, enabled, style, "
        "level_style, width, align, cut and separator",
    )
    separator: Between = Field(" ", description="between two modules")
    time_format: Between = Field(
        "%Y-%m-%d %H:%M:%S.%L",
        min_length=1,
        description="as strftime's; %f are microseconds, %L milliseconds",
    )
    timezone: str = Field(LOCAL, description="zone of the time: local, UTC or Europe/Paris")
    levels: dict[Level, Look] = Field(
        cast("Any", LEVELS),
        description="style of each level: color, background, bold, dim, italic, strike, underline",
    )

    @field_validator("modules")
    @classmethod
    def _each_once(cls, modules: tuple[Module, ...]) -> tuple[Module, ...]:
        names = [module.name for module in modules]
        if len(set(names)) < len(names):
            raise ValueError("a module is named twice")
        return modules

    @field_validator("levels", mode="before")
    @classmethod
    def _others_as_they_are(cls, given: object) -> object:
        return {**LEVELS, **given} if isinstance(given, dict) else given

    @field_validator("time_format")
    @classmethod
    def _usable(cls, time_format: str) -> str:
        return _plain(_YEAR.strftime(time_format)) and time_format

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        if name != LOCAL:
            zone_named(name)
        return name
