"""Templates of messages: an operator's own before the built-in ones, the most special first."""

from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import structlog
from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    StrictUndefined,
    Template,
)
from markupsafe import Markup, escape
from pydantic import Field, field_validator

from notilog import config
from notilog.config import Section

log = structlog.get_logger(__name__)

BUILT_IN = PackageLoader("notilog.notifications")
PLAIN = "text"


class TemplatesSettings(Section):
    """Where an operator's own templates lie; see docs/templates.md."""

    section: ClassVar[str] = "templates"

    directory: str = Field("", description="folder of templates that go before the built-in ones")

    @field_validator("directory")
    @classmethod
    def _exists(cls, value: str) -> str:
        if value and not Path(value).is_dir():
            raise ValueError("must be a folder that exists")
        return value


def rendered(
    kinds: tuple[str, ...], form: str, *, channel: str, language: str, values: dict[str, Any]
) -> str:
    """The text of a message: the first template there is for one of these kinds, filled in.

    An operator's template that fails is logged and the built-in one is used: a reminder that looks
    plain is better than none.
    """
    directory = config.section(TemplatesSettings).directory
    if directory:
        try:
            return _template(directory, kinds, form, channel=channel, language=language).render(
                values
            )
        except Exception as error:  # noqa: BLE001  a template can fail in every way there is
            _tell_once(error, kind=kinds[0], form=form, channel=channel)
    return _template("", kinds, form, channel=channel, language=language).render(values)


@cache
def _template(
    directory: str, kinds: tuple[str, ...], form: str, *, channel: str, language: str
) -> Template:
    return _environment(directory, form).select_template(
        [
            f"{place}{kind}.{form}.j2"
            for place in (f"{channel}/{language}/", f"{channel}/", f"{language}/", "")
            for kind in kinds
        ]
    )


@cache
def _environment(directory: str, form: str) -> Environment:
    loader: BaseLoader = BUILT_IN
    if directory:
        loader = ChoiceLoader([FileSystemLoader(directory), BUILT_IN])
    made = Environment(
        loader=loader,
        autoescape=form != PLAIN,  # noqa: S701  plain text has nothing to escape
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    made.filters["lines"] = _lines
    return made


def _lines(text: str) -> Markup:
    """Escaped, each line on its own."""
    return Markup("<br>\n").join(escape(line) for line in text.split("\n"))


_told: set[tuple[str, str, str]] = set()


def _tell_once(error: Exception, *, kind: str, form: str, channel: str) -> None:
    if (kind, form, channel) not in _told:
        _told.add((kind, form, channel))
        reason = f"{type(error).__name__}: {error}"
        log.error("template_failed", kind=kind, form=form, channel=channel, error=reason)
