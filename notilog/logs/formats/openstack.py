"""Logs of OpenStack by oslo.log, with or without the file's name before each line. Pure.

``nova-api.log.1 2017-05-16 00:00:00.008 25746 INFO nova.wsgi [req-38… user project - - -] message``

"TRACE" is how it marks the lines of an exception: they are errors.
"""

import re
from datetime import datetime
from typing import Final

from notilog.logs.formats.format import Defaults
from notilog.logs.formats.text import Fields, Reader, TextFormat, given, in_utc, number

_LEVELS: Final = {
    "CRITICAL": "critical",
    "ERROR": "error",
    "TRACE": "error",
    "WARNING": "warning",
    "AUDIT": "notice",
    "INFO": "info",
    "DEBUG": "debug",
}
_BEGINS: Final = re.compile(
    r"(?:(?P<file>(?P<service>[\w-]{1,100})\.log\S{0,100}) )?"
    r"(?P<ts>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (?P<pid>\d{1,10}) "
    rf"(?P<level>{'|'.join(_LEVELS)}) (?P<module>[\w.-]{{1,200}}) "
    r"(?:\[(?P<context>[^\]]*)\] ?)?(?P<message>.*)",
    re.DOTALL,
)
_INSTANCE: Final = re.compile(r"\[instance: (?P<id>[\w-]{1,64})\]")
_REQUEST: Final = "req-"
_NOTHING: Final = "-"
_LONGEST: Final = 200


def _reader(defaults: Defaults) -> Reader:
    def read(found: "re.Match[str]") -> Fields:
        message = found["message"]
        request, user, tenant = _context(found["context"] or "")
        instance = _INSTANCE.search(message)
        fields: Fields = {
            "ts": in_utc(datetime.fromisoformat(found["ts"]), defaults),
            "level": _LEVELS[found["level"]],
            "module": found["module"],
            "message": message,
            "attrs": given(
                pid=number(found["pid"]),
                file=found["file"],
                user=user,
                tenant=tenant,
                instance=instance and instance["id"],
            ),
        }
        if found["service"]:
            fields["service"] = found["service"]
        if request:
            fields["request_id"] = request[:_LONGEST]
        return fields

    return read


def _context(context: str) -> tuple[str | None, str | None, str | None]:
    """The request, the user and the tenant of what stands in the brackets."""
    words = context.split()
    for place, word in enumerate(words):
        if word.startswith(_REQUEST):
            user, tenant, *_ = [*words[place + 1 :], _NOTHING, _NOTHING]
            return word, _unless_nothing(user), _unless_nothing(tenant)
    return None, None, None


def _unless_nothing(word: str) -> str | None:
    return None if word == _NOTHING else word


OPENSTACK: Final = TextFormat("OpenStack (oslo.log)", "openstack", _BEGINS, _reader)
