"""The only reader of the environment, ``.env``, ``notilog.yaml`` and what `notilog up` keeps.

The environment is stronger than ``.env``, which is stronger than YAML, which is stronger than what
`notilog up` assumed for its embedded servers.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from dotenv import dotenv_values
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource

from notilog.fallbacks import PREFIX, ConfigurationError

SECRET_FILE_SUFFIX = "_FILE"  # noqa: S105  the suffix of a variable's name
STATE_DIR = PREFIX + "STATE_DIR"
ASSUMED = "assumed.env"
"""The file in the state directory of `notilog up` that holds what it assumed."""


def read(schema: type[BaseSettings], directory: Path | None) -> dict[str, Any]:
    """What all sources say together, nested as the schema is.

    Raises:
        ConfigurationError: a source cannot be read.
    """
    directory = directory or Path.cwd()
    environment = _environment(schema, directory / ".env")
    return merged(_yaml(schema, environment, directory), by_field(schema, environment))


def by_field(schema: type[BaseSettings], environment: Mapping[str, str]) -> dict[str, Any]:
    """Values by the names they have in the environment, nested as the schema is."""
    return _Environment(schema, environment)()


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Both together; where they differ, what is ``above``."""
    both = dict(below)
    for name, value in above.items():
        under = both.get(name)
        both_nested = isinstance(under, dict) and isinstance(value, dict)
        both[name] = merged(cast("dict[str, Any]", under), value) if both_nested else value
    return both


def assumed(state: Path | None = None) -> dict[str, str]:
    """What `notilog up` keeps in this state directory, or in that of ``NOTILOG_STATE_DIR``."""
    named = os.environ.get(STATE_DIR)
    if state is None and not named:
        return {}
    path = (state or Path(str(named))) / ASSUMED
    return _variables(path) if path.is_file() else {}


def present(
    schema: type[BaseSettings], *, directory: Path | None = None, state: Path | None = None
) -> list[str]:
    """Where settings are read from, the strongest first.

    Args:
        schema: whose settings count; other variables of the environment do not.
        directory: where ``.env`` and ``notilog.yaml`` lie.
        state: the state directory of `notilog up`; by default that of ``NOTILOG_STATE_DIR``.
    """
    directory = directory or Path.cwd()
    known = set(_names(schema, PREFIX))
    known |= {name + SECRET_FILE_SUFFIX for name in known}
    count = sum(bool(value) and name.upper() in known for name, value in os.environ.items())
    yaml_file = os.environ.get(PREFIX + "CONFIG") or directory / "notilog.yaml"
    files = [directory / ".env", Path(yaml_file)]
    kept_in = state or os.environ.get(STATE_DIR)
    if kept_in:
        files.append(Path(kept_in) / ASSUMED)
    return [
        f"environment ({count} {'variable' if count == 1 else 'variables'})",
        *(str(path) for path in files if path.is_file()),
    ]


def environment_with(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment for a program that this one starts: its own, and ``extra``."""
    return {**os.environ, **extra}


def notify_socket() -> str | None:
    """Where the program that started this one waits to hear that it is ready, as systemd does."""
    path = os.environ.get("NOTIFY_SOCKET")
    return f"\0{path[1:]}" if path and path.startswith("@") else path or None


class _Environment(EnvSettingsSource):
    def __init__(self, schema: type[BaseSettings], environment: Mapping[str, str]) -> None:
        self._environment = {name.lower(): value for name, value in environment.items()}
        super().__init__(schema)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name: value for name, value in self._environment.items() if value}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value  # validation refuses it with the setting's name


def _environment(schema: type[BaseSettings], dotenv: Path) -> dict[str, str]:
    below = _variables(dotenv) if dotenv.is_file() else {}
    named = {**below, **os.environ}
    found = {name: value for name, value in named.items() if name.startswith(PREFIX) and value}
    for name in [name for name in found if name.endswith(SECRET_FILE_SUFFIX)]:
        if name.upper() in set(_names(schema, PREFIX)):
            continue  # a setting of its own that happens to be called so
        path = Path(found.pop(name))
        try:
            found.setdefault(name.removesuffix(SECRET_FILE_SUFFIX), path.read_text().strip())
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{name}: cannot read {path}: {_cause(error)}") from error
    return found


def _variables(path: Path) -> dict[str, str]:
    try:
        return {name: value for name, value in dotenv_values(path).items() if value}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {_cause(error)}") from error


def _names(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """The name in the environment of every setting."""
    for name, inner in _fields(model).items():
        full = (prefix + name).upper()
        if inner is None:
            yield full
        else:
            yield from _names(inner, full + "__")


def _fields(model: type[BaseModel]) -> dict[str, type[BaseModel] | None]:
    """The fields of a model as sources call them, and the models of those that nest."""
    fields: dict[str, type[BaseModel] | None] = {}
    for name, field in model.model_fields.items():
        kind = field.annotation
        nests = isinstance(kind, type) and issubclass(kind, BaseModel)
        fields[field.alias or name] = cast("type[BaseModel]", kind) if nests else None
    return fields


def _yaml(
    schema: type[BaseSettings], environment: dict[str, str], directory: Path
) -> dict[str, Any]:
    named = environment.pop(PREFIX + "CONFIG", None)
    path = Path(named) if named else directory / "notilog.yaml"
    if not named and not path.is_file():
        return {}
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise ConfigurationError(f"cannot read {path}: {_cause(error)}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"{path}: must hold settings by name, not a {type(content).__name__}"
        )
    return _by_name(schema, content)


def _by_name(model: type[BaseModel], content: dict[Any, Any]) -> dict[str, Any]:
    """The same with text for every key: to YAML ``1``, ``on`` and ``null`` are none.

    It follows the schema, not the content, which may contain itself.
    """
    fields = _fields(model)
    named = {}
    for key, value in content.items():
        inner = fields.get(str(key))
        nests = inner is not None and isinstance(value, dict)
        named[str(key)] = _by_name(cast("type[BaseModel]", inner), value) if nests else value
    return named


def _cause(error: Exception) -> str:
    """Why a file cannot be read, in one line and without a word of what stands in it."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, UnicodeDecodeError):
        return "not text in UTF-8"
    mark = getattr(error, "problem_mark", None)
    return f"not YAML from line {mark.line + 1} on" if mark else "not YAML"
