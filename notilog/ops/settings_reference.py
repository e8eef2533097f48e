"""Every setting, its meaning and its default, in the form of a `.env` file: `.env.example`."""

import json
from collections.abc import Iterator, Sequence
from textwrap import wrap

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from notilog.config import Core, Section
from notilog.fallbacks import PREFIX

WIDTH = 98

HEAD = """\
# Copy this file to .env and set what you need; what stays commented out has the default shown.
# Every setting may also stand in the environment (which is stronger) or in notilog.yaml (weaker),
# and every one may come from a file: NOTILOG_SECRET_KEY_FILE=/run/secrets/key

# --- Docker Compose only: passwords of its servers, of letters and digits: they go into URLs.
POSTGRES_PASSWORD=
REDIS_PASSWORD=
RABBITMQ_PASSWORD=
"""
COMPOSE_NEEDS = ("NOTILOG_SECRET_KEY", "NOTILOG_FLOWER__PASSWORD")
NO_SECTION = """
# --- Where settings are read from.
# another YAML file than notilog.yaml
# NOTILOG_CONFIG=
# directory in which `notilog up` keeps its data and the settings that lead to its own servers;
# of the environment only, and the default of --state-dir
# NOTILOG_STATE_DIR=
"""


def reference(sections: Sequence[type[Section]]) -> str:
    """The text of `.env.example`."""
    core = _section("The platform as a whole", "", Core)
    rooms = (_section(_title(room), _prefix(room), room) for room in sections)
    return HEAD + NO_SECTION + "".join((core, *rooms))


def _section(title: str, prefix: str, model: type[BaseModel]) -> str:
    lines = [f"\n# --- {title}\n"]
    for name, field in model.model_fields.items():
        lines += _setting(f"{PREFIX}{prefix}{field.alias or name}".upper(), field)
    return "".join(lines)


def _setting(name: str, field: FieldInfo) -> Iterator[str]:
    for line in wrap(field.description or "", WIDTH):
        yield f"# {line}\n"
    comment = "" if name in COMPOSE_NEEDS else "# "
    yield f"{comment}{name}={_default(field)}\n"


def _default(field: FieldInfo) -> str:
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    if default is None:
        return ""
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    plain = isinstance(default, str) and default == default.strip()
    return str(default) if plain else json.dumps(default)


def _title(room: type[Section]) -> str:
    summary = (room.__dict__.get("__doc__") or "").partition("\n")[0]
    return f"{room.section}: {summary}".replace("``", "").rstrip(": .")


def _prefix(room: type[Section]) -> str:
    return "__".join(room.section.split(".")) + "__"
