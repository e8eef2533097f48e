"""Our own records: one JSON object a line, fields as in `notilog.logs.record`. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from notilog.logs.formats.format import Defaults, Entry

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_MODULE: Final = "json"


@dataclass(frozen=True, slots=True)
class JsonLines:
    """A line that is no object is a record by itself, with the line as its message."""

    label: str

    def recognises(self, lines: Sequence[str]) -> float:
        told = [line for line in lines if line.strip()]
        return sum(_object(line) is not None for line in told) / len(told) if told else 0.0

    def parse(self, lines: Iterable[str], *, defaults: Defaults) -> Iterator[Entry]:
        assumed = {
            "level": "info",
            "project": defaults.project,
            "module": defaults.module or _MODULE,
            **({} if defaults.host is None else {"host": defaults.host}),
        }
        for number, line in enumerate(lines, 1):
            if line.strip():
                found = _object(line)
                fields = {"message": line} if found is None else found
                yield Entry(number, 1, assumed | fields)


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = _decode(line)
    except (msgspec.DecodeError, RecursionError):
        return None
    return {name: value for name, value in found.items() if value is not None}


NDJSON: Final = JsonLines("records of NotiLog, one JSON object a line")
