"""Files of syslog: the traditional lines (RFC 3164), and those with RFC 3339 times. Pure.

``Jun 14 15:16:01 combo sshd(pam_unix)[19939]: message``
``<11>2026-03-01T10:00:00.123456+01:00 web-1 kernel: message``

Only the priority at the beginning, or a message that begins with a level in brackets (``[error]``,
``<warn>``), tells a level; every other line is "info", whatever words are in it.
"""

import re
from datetime import datetime, time
from typing import Final

from notilog.logs import levels
from notilog.logs.formats.format import Defaults
from notilog.logs.formats.text import (
    MONTH,
    MONTHS,
    Fields,
    Reader,
    TextFormat,
    given,
    in_utc,
    number,
)
from notilog.logs.formats.years import Years

_SEVERITIES: Final = (
    *("critical", "critical", "critical", "error"),
    *("warning", "notice", "info", "debug"),
)
_BEGINS: Final = re.compile(
    rf"(?:<(?P<priority>\d{{1,3}})>)?(?:(?P<month>{MONTH}) (?P<day>[ \d]\d) "
    r"(?P<clock>\d\d:\d\d:\d\d(?:\.\d{1,6})?)|(?P<instant>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S{0,16}))"
    r" (?P<host>\S{1,200}) (?P<said>.*)",
    re.DOTALL,
)
_TAG: Final = re.compile(
    r" ?(?:-- )?(?P<module>[^\s:\[\]]{1,200})(?: (?P<version>\d[\w.]{0,20}))?"
    r"(?:\[(?P<pid>\d{1,10})\])?:(?: |$)(?P<message>.*)",
    re.DOTALL,
)
_LEVEL: Final = re.compile(r"[\[<](?P<level>[A-Za-z]{3,8})[\]>]")


def _reader(defaults: Defaults) -> Reader:
    years = Years(defaults)

    def read(found: "re.Match[str]") -> Fields:
        if found["instant"]:
            local = datetime.fromisoformat(found["instant"])
        else:
            clock = time.fromisoformat(found["clock"])
            local = years.moment(MONTHS[found["month"]], int(found["day"]), clock)
        fields: Fields = {"ts": in_utc(local, defaults), "host": found["host"]}
        _add_what_is_said(fields, found["said"])
        fields["level"] = _level(found["priority"], fields["message"])
        return fields

    return read


def _add_what_is_said(fields: Fields, said: str) -> None:
    tag = _TAG.match(said)
    if tag is None:
        fields["message"] = said
        return
    fields.update(module=tag["module"], message=tag["message"])
    if tag["pid"] or tag["version"]:
        fields["attrs"] = given(pid=number(tag["pid"]), version=tag["version"])


def _level(priority: str | None, message: str) -> str:
    if priority is not None:
        return _SEVERITIES[int(priority) % len(_SEVERITIES)]
    named = _LEVEL.match(message)
    if named is None:
        return "info"
    try:
        return levels.NAMES[levels.number_of(named["level"])]
    except ValueError:
        return "info"


SYSLOG: Final = TextFormat("syslog, such as /var/log/messages", "syslog", _BEGINS, _reader)
