"""The error log of the Apache HTTP server, of 2.2 and of 2.4 (with module, pid and tid). Pure.

``[Sun Dec 04 04:47:44 2005] [error] [client 10.0.0.1] message``
``[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4328] [client 10.0.0.1:80] message``
"""

import re
from datetime import datetime, time
from typing import Final

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

_LEVELS: Final = {
    "emerg": "critical",
    "alert": "critical",
    "crit": "critical",
    "error": "error",
    "warn": "warning",
    "notice": "notice",
    "info": "info",
    "debug": "debug",
    "trace": "trace",
}
_BEGINS: Final = re.compile(
    rf"\[\w{{3}} (?P<month>{MONTH}) (?P<day>[ \d]\d) (?P<clock>\d\d:\d\d:\d\d(?:\.\d{{1,6}})?)"
    rf" (?P<year>\d{{4}})\] \[(?:(?P<module>[\w.-]{{1,200}})?:)?(?P<level>{'|'.join(_LEVELS)})\d?\]"
    r"(?: \[pid (?P<pid>\d{1,10})(?::tid (?P<tid>\d{1,20}))?\])?"
    r"(?: \[client (?P<client>[^\]\s]{1,200})\])? ?(?P<message>.*)",
    re.DOTALL,
)


def _reader(defaults: Defaults) -> Reader:
    def read(found: "re.Match[str]") -> Fields:
        year, month, day = int(found["year"]), MONTHS[found["month"]], int(found["day"])
        clock = time.fromisoformat(found["clock"])
        local = datetime.combine(datetime(year, month, day), clock)  # noqa: DTZ001  see in_utc
        fields: Fields = {
            "ts": in_utc(local, defaults),
            "level": _LEVELS[found["level"]],
            "message": found["message"],
        }
        if found["module"]:
            fields["module"] = found["module"]
        if found["pid"] or found["client"]:
            fields["attrs"] = given(
                pid=number(found["pid"]), tid=number(found["tid"]), client=found["client"]
            )
        return fields

    return read


APACHE: Final = TextFormat("error log of Apache httpd", "apache", _BEGINS, _reader)
