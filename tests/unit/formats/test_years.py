"""Years for dates that have none."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, timezone

import pytest

from notilog.logs.formats.years import Years
from tests.unit.formats.excerpts import DEFAULTS

NOON = time(12)


def years(
    *dates: tuple[int, int], year: int | None = None, at: datetime | None = None
) -> list[int]:
    found = Years(replace(DEFAULTS, year=year, at=at or DEFAULTS.at))
    return [found.moment(month, day, NOON).year for month, day in dates]


def test_without_a_year_dates_lie_in_the_twelve_months_before_the_file_was_written() -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert years((3, 3), (12, 31), (1, 1), (3, 1), at=at) == [2025, 2025, 2026, 2026]


def test_a_clock_that_is_a_little_ahead_is_not_a_year_behind() -> None:
    assert years((3, 2), at=datetime(2026, 3, 1, 12, tzinfo=UTC)) == [2026]
    # New Year has come in the file's zone, not yet in UTC.
    found = Years(
        replace(
            DEFAULTS,
            at=datetime(2025, 12, 31, 23, tzinfo=UTC),
            zone=timezone(timedelta(hours=5)),
        )
    )
    assert found.moment(1, 1, time(4)).year == 2026


def test_the_29th_of_february_is_of_the_last_leap_year() -> None:
    assert years((2, 29), at=datetime(2026, 3, 1, tzinfo=UTC)) == [2024]
    assert years((2, 29), at=datetime(1903, 3, 1, tzinfo=UTC)) == [1896]


def test_a_given_year_is_that_of_the_first_line_and_grows_with_the_months() -> None:
    dates = ((11, 30), (12, 31), (12, 30), (1, 1), (12, 31), (1, 2), (9, 1), (2, 1))
    assert years(*dates, year=2005) == [2005, 2005, 2005, 2006, 2005, 2006, 2005, 2006]


@pytest.mark.parametrize("year", [None, 2005])
def test_a_date_that_never_is_is_refused(year: int | None) -> None:
    with pytest.raises(ValueError, match=r"day|date"):
        years((2, 30), year=year)
