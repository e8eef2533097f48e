"""Calendar files as the API takes and shows them."""

from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from notilog.calendar.importing import Imported

EXAMPLE: Final = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Example//EN
BEGIN:VEVENT
UID:1@example.org
DTSTAMP:20261120T080000Z
DTSTART:20261120T090000Z
DTEND:20261120T100000Z
SUMMARY:Planning
END:VEVENT
END:VCALENDAR
"""

FILE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"text/calendar": {"schema": {"type": "string"}, "example": EXAMPLE}},
    }
}
FEED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "a file of RFC 5545",
        "content": {"text/calendar": {"schema": {"type": "string"}, "example": EXAMPLE}},
    }
}


class ImportAnswer(BaseModel):
    """How many events a file brought."""

    model_config = ConfigDict(from_attributes=True)

    created: int
    updated: int
    cancelled: int

    @classmethod
    def of(cls, imported: Imported) -> "ImportAnswer":
        return cls.model_validate(imported)
