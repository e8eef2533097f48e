"""What an observer is told when it is made: checked by its kind, its secrets kept apart."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import BaseModel, SecretStr, ValidationError

from notilog.errors import FieldError, Invalid
from notilog.observers.failures import Permanent
from notilog.observers.kinds import KINDS
from notilog.observers.kinds.kind import Kind
from notilog.observers.sealing import sealed, unsealed
from notilog.observers.tables import ObserverRow


def kind_of(name: str) -> Kind:
    """The kind of that name.

    Raises:
        Invalid: there is none.
    """
    if name not in KINDS:
        raise Invalid.field("kind", f"there are {', '.join(KINDS)}")
    return KINDS[name]


def checked(kind: str, env: Mapping[str, Any]) -> BaseModel:
    """The env, if the kind understands it.

    Raises:
        Invalid: naming each field that is wrong; no secret is in the text.
    """
    try:
        return kind_of(kind).env.model_validate(env)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        raise Invalid(
            [FieldError(".".join(("env", *map(str, one["loc"]))), one["msg"]) for one in found]
        ) from None


def write(row: ObserverRow, env: BaseModel) -> None:
    """Put the env into the row: what is secret is sealed, the rest is as it is."""
    plain = env.model_dump(mode="json")
    secrets = {
        name: value.get_secret_value()
        for name in type(env).model_fields
        if isinstance(value := getattr(env, name), SecretStr)
    }
    row.env = {name: value for name, value in plain.items() if name not in secrets}
    row.sealed = sealed(secrets, observer_id=row.id) if secrets else None


def changed(row: ObserverRow, changes: Mapping[str, Any]) -> BaseModel:
    """The env with changes; what is left out stays, secrets too.

    Raises:
        Invalid: as `checked`, or secrets are not given again that cannot be read, or would be sent
            elsewhere.
    """
    secrets: dict[str, Any] = {}
    if row.sealed is not None:
        try:
            secrets = unsealed(row.sealed, observer_id=row.id)
        except Permanent as error:
            missing = [name for name in secret_names(row.kind) if name not in changes]
            if missing:
                raise Invalid([FieldError(f"env.{name}", str(error)) for name in missing]) from None
    env = checked(row.kind, {**row.env, **secrets, **changes})
    _refuse_to_send_elsewhere(row, env, changes)
    return env


def _refuse_to_send_elsewhere(row: ObserverRow, env: BaseModel, changes: Mapping[str, Any]) -> None:
    """Who may change observers need not know their secrets, and shall not learn them so."""
    now = env.model_dump(mode="json")
    moved = [name for name in kind_of(row.kind).secrets_go_to if now[name] != row.env.get(name)]
    missing = [name for name in secret_names(row.kind) if name not in changes]
    if moved and missing:
        reason = f"give it again: with another {moved[0]} it is sent elsewhere"
        raise Invalid([FieldError(f"env.{name}", reason) for name in missing])


def secret_names(kind: str) -> list[str]:
    """The fields of a kind's env that are never shown."""
    fields = KINDS[kind].env.model_fields if kind in KINDS else {}
    return [name for name, field in fields.items() if _is_secret(field.annotation)]


def opened(observer_id: UUID, kind: str, env: Mapping[str, Any], secret: bytes | None) -> BaseModel:
    """The env as the kind wants it.

    Raises:
        Permanent: it cannot be read any more, or the kind has changed.
    """
    secrets = unsealed(secret, observer_id=observer_id) if secret is not None else {}
    if kind not in KINDS:
        raise Permanent(f"there is no kind {kind!r} any more")
    try:
        return checked(kind, {**env, **secrets})
    except Invalid as error:
        raise Permanent(str(error)) from None


def _is_secret(annotation: object) -> bool:
    return annotation is SecretStr or SecretStr in getattr(annotation, "__args__", ())
