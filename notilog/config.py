"""The settings of this process: complete and valid, whatever the sources say.

Each room declares a `Section`; ``notilog/settings.py`` lists them all. `load` takes what
``notilog/sources.py`` read, replaces what is invalid by its default with a `Fallback`, and refuses
to start only where no default is safe, or when ``NOTILOG_STRICT_CONFIG`` is set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    create_model,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from notilog import sources
from notilog.fallbacks import PREFIX, ConfigurationError, Fallback, validated


class Section(BaseModel):
    """The settings of one room; every field has a safe default."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    section: ClassVar[str]


def _url_of(*schemes: str) -> AfterValidator:
    def check(value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in schemes or not parts.netloc:
            raise ValueError(
                f"must be a URL that starts with {' or '.join(s + '://' for s in schemes)}"
            )
        for host in parts.netloc.rpartition("@")[2].split(","):
            _check_port(host)
        return value

    return AfterValidator(check)


def _check_port(host: str) -> None:
    """Refuse ``host:port`` with a wrong port; `urlsplit` itself cannot read several hosts."""
    _, colon, port = host.rpartition("]")[2].rpartition(":")
    if colon and not (port.isdecimal() and 0 < int(port) <= HIGHEST_PORT):
        raise ValueError(f"has a port that is not a number from 1 to {HIGHEST_PORT}")


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < MINIMAL_SECRET_KEY:
        raise ValueError(f"must have at least {MINIMAL_SECRET_KEY} characters")
    return value


MINIMAL_SECRET_KEY = 32
MINIMAL_PASSWORD = 8
MAXIMAL_PASSWORD = 1024
HIGHEST_PORT = 65535

PostgresUrl = Annotated[SecretStr, _url_of("postgresql", "postgres")]
RedisUrl = Annotated[SecretStr, _url_of("redis", "rediss")]
BrokerUrl = Annotated[SecretStr, _url_of("redis", "rediss", "amqp", "amqps")]
SecretKey = Annotated[SecretStr, AfterValidator(_long_enough)]


class Core(BaseSettings):
    """Settings of the platform as a whole; the URLs and the secret key have no safe default."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        validate_default=True,
    )

    database_url: PostgresUrl = Field(
        description="postgresql://login:password@host:5432/name; several hosts with commas between"
    )
    redis_url: RedisUrl = Field(description="redis://:password@host:6379/0")
    broker_url: BrokerUrl | None = Field(
        None,
        description="amqp://login:password@host:5672// or redis://…; by default the Redis above",
    )
    secret_key: SecretKey = Field(
        description=f"{MINIMAL_SECRET_KEY} random characters or more, the same on every machine"
    )
    admin_password: SecretStr | None = Field(
        None,
        min_length=MINIMAL_PASSWORD,
        max_length=MAXIMAL_PASSWORD,
        description="password of the first administrator; made up and shown once by default",
    )
    log_format: Literal["json", "tab"] = Field("json", description="json, or tab-separated")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug, info, warning or error"
    )
    strict_config: bool = Field(
        False, description="refuse to start with a wrong setting instead of using its default"
    )

    @property
    def broker(self) -> str:
        """URL of the broker, with its password: the Redis server unless another is named."""
        return (self.broker_url or self.redis_url).get_secret_value()


REQUIRED = frozenset(name for name, field in Core.model_fields.items() if field.is_required())
WITHOUT_DEFAULT = REQUIRED | {"broker_url"}

RoomT = TypeVar("RoomT", bound=Section)


@dataclass(frozen=True, slots=True)
class Settings:
    """What this process runs with: frozen, complete, valid."""

    core: Core
    fallbacks: tuple[Fallback, ...]

    def section(self, kind: type[RoomT]) -> RoomT:
        return cast("RoomT", _descend(self.core, kind.section))


_current: Settings | None = None


def current() -> Settings:
    """The settings loaded by this process.

    Raises:
        LookupError: nothing was loaded yet; ``notilog.settings.load`` comes first.
    """
    if _current is None:
        raise LookupError("settings are not loaded")
    return _current


def section(kind: type[RoomT]) -> RoomT:
    """The current settings of one room."""
    return current().section(kind)


def load(
    sections: Sequence[type[Section]],
    *,
    directory: Path | None = None,
    assumed: Mapping[str, str] | None = None,
) -> Settings:
    """Read every source and make the result current.

    Args:
        sections: all sections of the schema; a dotted name (``channels.email``) nests.
        directory: where ``.env`` and ``notilog.yaml`` lie; the working directory by default.
            ``NOTILOG_CONFIG`` names another file than the latter.
        assumed: values by name in the environment, for what no source names; by default what
            `notilog up` keeps in the directory that ``NOTILOG_STATE_DIR`` names.

    Raises:
        ConfigurationError: a required setting is missing or wrong, or any is under strict mode.
    """
    global _current  # noqa: PLW0603  one set of settings a process
    schema = _schema(sections)
    below = sources.assumed() if assumed is None else assumed
    raw = sources.merged(sources.by_field(schema, below), sources.read(schema, directory))
    core, fallbacks = validated(schema, raw, without_default=WITHOUT_DEFAULT)
    if core.strict_config and fallbacks:
        raise ConfigurationError("; ".join(str(fallback) for fallback in fallbacks))
    _current = Settings(core, fallbacks)
    return _current


def unset(sections: Sequence[type[Section]], *, directory: Path | None = None) -> frozenset[str]:
    """The required settings (fields of `Core`) that no source names.

    Raises:
        ConfigurationError: a source cannot be read.
    """
    return REQUIRED - sources.read(_schema(sections), directory).keys()


def named_in(sections: Sequence[type[Section]], *, state: Path | None = None) -> list[str]:
    """Where settings are read from; see `notilog.sources.present`."""
    return sources.present(_schema(sections), state=state)


def _schema(sections: Sequence[type[Section]]) -> type[Core]:
    rooms = {kind.section: kind for kind in sections}
    return create_model("Settings", __base__=Core, **_fields("", rooms))


def _fields(above: str, rooms: Mapping[str, type[Section]]) -> dict[str, Any]:
    """The fields below the name ``above``; a room within a room is a field beside its settings."""
    below = [name.removeprefix(above) for name in rooms if name.startswith(above)]
    fields: dict[str, Any] = {}
    for key in dict.fromkeys(name.partition(".")[0] for name in below):
        kind = rooms.get(above + key, Section)
        inner = _fields(f"{above}{key}.", rooms)
        if inner:
            kind = create_model(f"Settings_{above}{key}", __base__=kind, **inner)
        fields[key] = (kind, Field(default_factory=kind))
    return fields


def _descend(model: BaseModel, dotted: str) -> BaseModel:
    for name in dotted.split("."):
        model = getattr(model, name)
    return model
