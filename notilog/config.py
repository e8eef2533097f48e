"""The only reader of the environment, ``.env`` and ``notilog.yaml``.

Each room declares a `Section`; ``notilog/settings.py`` lists them all. `load` reads the sources
(environment over ``.env`` over YAML), replaces what is invalid by its default with a `Fallback`,
and refuses to start only where no default is safe, or when ``NOTILOG_STRICT_CONFIG`` is set.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, cast
from urllib.parse import urlsplit

import yaml
from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from notilog.errors import NotilogError

PREFIX = "NOTILOG_"
SECRET_FILE_SUFFIX = "_FILE"  # noqa: S105  the suffix of a variable's name


class ConfigurationError(NotilogError):
    """A setting without a safe default is missing or wrong, or strict mode found a wrong one."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """A setting that was refused and replaced by its default."""

    setting: str
    value: str
    default: str
    reason: str

    def __str__(self) -> str:
        return f"{self.setting}={self.value} is not usable ({self.reason}); using {self.default}"


class Section(BaseModel):
    """The settings of one room; every field has a safe default."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    section: ClassVar[str]


def _url_of(*schemes: str) -> AfterValidator:
    def check(value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in schemes or not parts.netloc:
            raise ValueError(f"must be a URL that starts with {' or '.join(s + '://' for s in schemes)}")
        return value

    return AfterValidator(check)


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < MINIMAL_SECRET_KEY:
        raise ValueError(f"must have at least {MINIMAL_SECRET_KEY} characters")
    return value


MINIMAL_SECRET_KEY = 32

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

    database_url: PostgresUrl
    redis_url: RedisUrl
    broker_url: BrokerUrl | None = None
    secret_key: SecretKey
    admin_password: SecretStr | None = None
    log_format: Literal["json", "tab"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    strict_config: bool = False

    @property
    def broker(self) -> str:
        """URL of the broker, with its password: the Redis server unless another is named."""
        return (self.broker_url or self.redis_url).get_secret_value()


REQUIRED = frozenset(name for name, field in Core.model_fields.items() if field.is_required())

SectionT = TypeVar("SectionT", bound=Section)


@dataclass(frozen=True, slots=True)
class Settings:
    """What this process runs with: frozen, complete, valid."""

    core: Core
    fallbacks: tuple[Fallback, ...]

    def section(self, kind: type[SectionT]) -> SectionT:
        return cast(SectionT, _descend(self.core, kind.section))


_current: Settings | None = None


def current() -> Settings:
    """The settings loaded by this process.

    Raises:
        LookupError: nothing was loaded yet; ``notilog.settings.load`` comes first.
    """
    if _current is None:
        raise LookupError("settings are not loaded")
    return _current


def section(kind: type[SectionT]) -> SectionT:
    """The current settings of one room."""
    return current().section(kind)


def load(sections: Sequence[type[Section]], *, directory: Path | None = None) -> Settings:
    """Read every source and make the result current.

    Args:
        sections: all sections of the schema; a dotted name (``channels.email``) nests.
        directory: where ``.env`` and ``notilog.yaml`` lie; the working directory by default.
            ``NOTILOG_CONFIG`` names another YAML file.

    Raises:
        ConfigurationError: a required setting is missing or wrong, or any is under strict mode.
    """
    global _current  # noqa: PLW0603  one set of settings a process
    directory = directory or Path.cwd()
    schema = _schema(sections)
    environment = _environment(directory / ".env")
    raw = _merged(_yaml(environment, directory), _Environment(schema, environment)())
    core, fallbacks = _validate(schema, raw)
    if core.strict_config and fallbacks:
        raise ConfigurationError("; ".join(str(fallback) for fallback in fallbacks))
    _current = Settings(core, fallbacks)
    return _current


class _Environment(EnvSettingsSource):
    """Environment variables, with those of ``.env`` below them."""

    def __init__(self, schema: type[Core], environment: Mapping[str, str]) -> None:
        self._environment = {name.lower(): value for name, value in environment.items()}
        super().__init__(schema)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name: value for name, value in self._environment.items() if value}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value  # validation refuses it with the setting's name


def _environment(dotenv: Path) -> dict[str, str]:
    named = {**dotenv_values(dotenv), **os.environ} if dotenv.is_file() else dict(os.environ)
    found = {name: value for name, value in named.items() if name.startswith(PREFIX) and value}
    for name in [name for name in found if name.endswith(SECRET_FILE_SUFFIX)]:
        path = Path(found.pop(name))
        try:
            found.setdefault(name.removesuffix(SECRET_FILE_SUFFIX), path.read_text().strip())
        except OSError as error:
            raise ConfigurationError(f"{name}: cannot read {path}: {error.strerror}") from error
    return found


def _yaml(environment: dict[str, str], directory: Path) -> dict[str, Any]:
    named = environment.pop(PREFIX + "CONFIG", None)
    path = Path(named) if named else directory / "notilog.yaml"
    if not named and not path.is_file():
        return {}
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: must hold settings by name, not a {type(content).__name__}")
    return content


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        both_nested = isinstance(under, dict) and isinstance(value, dict)
        merged[name] = _merged(cast(dict[str, Any], under), value) if both_nested else value
    return merged


def _schema(sections: Sequence[type[Section]]) -> type[Core]:
    nested: dict[str, Any] = {}
    for kind in sections:
        *parents, name = kind.section.split(".")
        level = nested
        for parent in parents:
            level = level.setdefault(parent, {})
        level[name] = kind
    return create_model("Settings", __base__=Core, **_fields("Settings", nested))


def _fields(name: str, nested: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, kind in nested.items():
        if isinstance(kind, dict):
            kind = create_model(f"{name}_{key}", __base__=Section, **_fields(key, kind))  # noqa: PLW2901
        fields[key] = (kind, Field(default_factory=kind))
    return fields


def _validate(schema: type[Core], raw: dict[str, Any]) -> tuple[Core, tuple[Fallback, ...]]:
    fallbacks: list[Fallback] = []
    while True:
        try:
            # Sources are merged already; validating bypasses BaseSettings' own reading of them.
            return cast(Core, _validated(schema, raw)), tuple(fallbacks)
        except ValidationError as error:
            details = error.errors(include_url=False)
            _refuse_required(details)
            fallbacks += [_drop(schema, raw, detail) for detail in details]


def _validated(schema: type[Core], raw: dict[str, Any]) -> BaseSettings:
    return schema.__pydantic_validator__.validate_python(raw, self_instance=schema.__new__(schema))


def _refuse_required(details: list[ErrorDetails]) -> None:
    refused = [
        f"{_setting(detail['loc'])} {'is not set' if detail['type'] == 'missing' else _reason(detail)}"
        for detail in details
        if detail["loc"][0] in REQUIRED or detail["loc"][0] == "broker_url"
    ]
    if refused:
        raise ConfigurationError("; ".join(refused))


def _drop(schema: type[Core], raw: dict[str, Any], detail: ErrorDetails) -> Fallback:
    """Remove the refused value from ``raw``, wherever in it the value (or its parent) stands."""
    path: list[str] = []
    level: Any = raw
    for part in detail["loc"]:
        if not isinstance(level, dict) or part not in level:
            break
        path.append(str(part))
        level = level[part]
    parent = raw
    for part in path[:-1]:
        parent = parent[part]
    parent.pop(path[-1])
    field = _field(schema, path)
    return Fallback(_setting(path), _shown(field, level), _default(field), _reason(detail))


def _reason(detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return "no such setting"
    return detail["msg"].removeprefix("Value error, ")


def _field(schema: type[BaseModel], path: Sequence[str]) -> FieldInfo | None:
    model: Any = schema
    field = None
    for part in path:
        field = getattr(model, "model_fields", {}).get(part)
        model = field.annotation if field else None
    return field


def _shown(field: FieldInfo | None, value: object) -> str:
    secret = field is None or "SecretStr" in str(field.annotation) or isinstance(value, dict)
    return "(hidden)" if secret else repr(value)


def _default(field: FieldInfo | None) -> str:
    if field is None:
        return "nothing"
    default = field.get_default(call_default_factory=False)
    return "its defaults" if field.default_factory else repr(default)


def _setting(path: Sequence[object]) -> str:
    return PREFIX + "__".join(str(part) for part in path).upper()


def _descend(model: BaseModel, dotted: str) -> BaseModel:
    for name in dotted.split("."):
        model = getattr(model, name)
    return model
