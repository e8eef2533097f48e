"""How an event repeats, as the API takes and shows it."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.schemas.moments import Date
from notilog.calendar.repeat.repetition import RepeatType, Repetition
from notilog.users.contacts import Day

WEEK: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST = 1000

AskedType = Literal["daily", "weekly", "monthly_number", "monthly_day_weekno", "yearly", "workday"]


class RepetitionBody(BaseModel):
    """A repetition: every so many days, weeks, months, years, or work days of yours.

    Days that do not exist (the 31st, 29 February, a fifth Friday) are skipped.
    """

    model_config = ConfigDict(extra="forbid")

    type: AskedType
    weekly_days: Annotated[list[Day], Field(max_length=7)] = Field(
        [], description="of a weekly repetition; the weekday of the start by default"
    )
    monthly_last_week: bool = Field(
        False, description="monthly_day_weekno means the last such weekday of each month"
    )
    due_date: Date | None = Field(
        None, description="the last day on which an occurrence may start; for ever by default"
    )
    each: int = Field(1, ge=1, le=MOST, strict=True, description="every how many units")

    def repetition(self) -> Repetition:
        return Repetition(
            type=self.type,
            each=self.each,
            due_date=self.due_date,
            weekly_days=tuple(sorted({WEEK.index(day) for day in self.weekly_days})),
            monthly_last_week=self.monthly_last_week,
        )


def _days(numbers: object) -> object:
    return [WEEK[number] for number in numbers] if isinstance(numbers, tuple) else numbers


class RepetitionAnswer(BaseModel):
    """A repetition; `rrule` is an imported one that no other type can express."""

    model_config = ConfigDict(from_attributes=True)

    type: RepeatType
    weekly_days: Annotated[list[Day], BeforeValidator(_days)]
    monthly_last_week: bool
    due_date: date | None
    each: int
    rrule: str
