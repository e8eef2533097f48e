"""What becomes of settings that are wrong: replaced by their default, or refused."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings

from notilog.errors import NotilogError

PREFIX = "NOTILOG_"

SchemaT = TypeVar("SchemaT", bound=BaseSettings)


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


def validated(
    schema: type[SchemaT], raw: dict[str, Any], *, without_default: Collection[str]
) -> tuple[SchemaT, tuple[Fallback, ...]]:
    """The settings in ``raw``, and which of them were refused and replaced.

    Args:
        schema: all settings.
        raw: values by name, nested as the schema is; what is refused is removed from it.
        without_default: settings that are not replaced when they are wrong.

    Raises:
        ConfigurationError: one of ``without_default`` is wrong, or a required one is missing.
    """
    fallbacks: list[Fallback] = []
    while True:
        try:
            return _instance(schema, raw), tuple(fallbacks)
        except ValidationError as error:
            details = error.errors(include_url=False)
            _refuse(details, without_default)
            fallbacks += _replaced(schema, raw, details)


def _instance(schema: type[SchemaT], raw: dict[str, Any]) -> SchemaT:
    # The sources are merged already: building the class would read them once more in its own way.
    made = schema.__new__(schema)
    schema.__pydantic_validator__.validate_python(raw, self_instance=made)
    return made


def _refuse(details: list[ErrorDetails], without_default: Collection[str]) -> None:
    refused = [
        f"{_setting(detail['loc'])} {_reason(detail)}"
        for detail in details
        if detail["loc"][0] in without_default
    ]
    if refused:
        raise ConfigurationError("; ".join(refused))


def _replaced(
    schema: type[BaseModel], raw: dict[str, Any], details: Sequence[ErrorDetails]
) -> list[Fallback]:
    """Remove each refused value from ``raw``, or that of its parents which stands there."""
    refused: dict[tuple[str, ...], list[ErrorDetails]] = {}
    for detail in details:
        refused.setdefault(_path(raw, detail), []).append(detail)
    outermost = [
        path for path in refused if not any(path[:n] in refused for n in range(1, len(path)))
    ]
    return [_drop(schema, raw, path, refused[path]) for path in outermost]


def _path(raw: dict[str, Any], detail: ErrorDetails) -> tuple[str, ...]:
    """Where the refused value stands in ``raw``, or the list or parent that it is part of."""
    path: list[str] = []
    level: Any = raw
    for part in detail["loc"]:
        if not isinstance(level, dict) or part not in level:
            break
        path.append(str(part))
        level = level[part]
    return tuple(path)


def _drop(
    schema: type[BaseModel],
    raw: dict[str, Any],
    path: tuple[str, ...],
    details: Sequence[ErrorDetails],
) -> Fallback:
    parent = raw
    for part in path[:-1]:
        parent = parent[part]
    value = parent.pop(path[-1])
    field = _field(schema, path)
    reasons = "; ".join(_reason_within(detail, len(path)) for detail in details)
    return Fallback(_setting(path), _shown(field, value), _default(field), reasons)


def _reason_within(detail: ErrorDetails, depth: int) -> str:
    """Why, with the part of a list or mapping that it is about."""
    part = ".".join(str(step) for step in detail["loc"][depth:])
    return f"{part}: {_reason(detail)}" if part else _reason(detail)


def _reason(detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return "no such setting"
    if detail["type"] == "missing":
        return "is not set"
    return detail["msg"].removeprefix("Value error, ")


def _field(schema: type[BaseModel], path: Sequence[str]) -> FieldInfo | None:
    model: Any = schema
    field = None
    for part in path:
        fields: dict[str, FieldInfo] = getattr(model, "model_fields", {})
        by_name = {one.alias or name: one for name, one in fields.items()}
        field = by_name.get(part)
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
