"""Instants as they enter from outside: aware, in UTC, of a year that can be read back. Pure."""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime

OUT_OF_YEARS: Final = "must be in the years 1 to 9999, in UTC"
"""PostgreSQL keeps more years than Python has, which an offset from UTC is enough to reach."""


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(OUT_OF_YEARS) from error


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
