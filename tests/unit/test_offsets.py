"""Offsets: days keep the wall clock, hours and minutes are exact."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notilog.calendar.offsets import LONGEST, parse
from notilog.calendar.wall_clock import instant_of, local_of
from notilog.zones import zone_named

at = datetime.fromisoformat
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
).map(ZoneInfo)
INSTANTS = st.datetimes(
    min_value=at("1971-01-01"), max_value=at("2099-01-01"), timezones=st.just(UTC)
)
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("0m", "2026-11-20T09:00:00+01:00"),
        ("15m", "2026-11-20T08:45:00+01:00"),
        ("2h", "2026-11-20T07:00:00+01:00"),
        ("1d", "2026-11-19T09:00:00+01:00"),
        ("50d", "2026-10-01T09:00:00+02:00"),
        ("1200h", "2026-10-01T10:00:00+02:00"),
    ],
)
def test_an_offset_leads_back_from_the_start(text: str, before: str) -> None:
    start = at("2026-11-20T09:00:00+01:00").astimezone(UTC)
    assert parse(text).before(start, BERLIN) == at(before)


def test_a_day_is_not_24_hours_when_the_clocks_change() -> None:
    start = instant_of(at("2026-03-29T09:00"), BERLIN)
    assert local_of(parse("1d").before(start, BERLIN), BERLIN) == at("2026-03-28T09:00")
    assert local_of(parse("24h").before(start, BERLIN), BERLIN) == at("2026-03-28T08:00")


def test_a_day_before_that_falls_into_a_gap_comes_after_it() -> None:
    start = instant_of(at("2026-03-09T02:30"), NEW_YORK)
    assert local_of(parse("1d").before(start, NEW_YORK), NEW_YORK) == at("2026-03-08T03:30")


def test_a_day_before_that_happens_twice_means_the_first_time() -> None:
    start = instant_of(at("2026-10-26T02:30"), BERLIN)
    assert parse("1d").before(start, BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "15", "m", "-1m", "1.5h", "1w", "15M", " 15m", "15m\n", "٣m", "1234567m", "51d"]
)
def test_what_is_no_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse(text)


@pytest.mark.parametrize("text", ["50d", "1200h", "72000m"])
def test_fifty_days_are_the_longest_in_every_unit(text: str) -> None:
    longer = f"{int(text[:-1]) + 1}{text[-1]}"
    parse(text)
    with pytest.raises(ValueError, match="50 days"):
        parse(longer)


def test_two_spellings_of_one_distance_are_equal() -> None:
    assert parse("60m") == parse("1h")
    assert parse("007m") == parse("7m")
    assert parse("007m").text == "7m"
    assert parse("24h") != parse("1d")


@given(start=INSTANTS, zone=ZONES, days=st.integers(0, 50))
def test_days_keep_the_wall_clock(start: datetime, zone: ZoneInfo, days: int) -> None:
    wanted = local_of(start, zone) - timedelta(days=days)
    if days and not skipped(wanted, zone):
        assert local_of(parse(f"{days}d").before(start, zone), zone) == wanted


def skipped(local: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks of the zone jump over this time."""
    before, after = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return before is not None and after is not None and before < after


@given(start=INSTANTS, zone=ZONES, minutes=st.integers(0, LONGEST // timedelta(minutes=1)))
def test_minutes_and_hours_are_exact(start: datetime, zone: ZoneInfo, minutes: int) -> None:
    assert parse(f"{minutes}m").before(start, zone) == start - timedelta(minutes=minutes)
    hours = minutes // 60
    assert parse(f"{hours}h").before(start, zone) == start - timedelta(hours=hours)


@given(start=INSTANTS, zone=ZONES, text=st.from_regex(r"[0-9]{1,2}[mhd]", fullmatch=True))
def test_nothing_that_is_due_starts_earlier_than_an_offset_says(
    start: datetime, zone: ZoneInfo, text: str
) -> None:
    try:
        offset = parse(text)
    except ValueError:
        return
    assert start >= offset.earliest_start(offset.before(start, zone), zone)


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "localtime", "../etc/passwd", "europe/berlin"]
)
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        zone_named(name)
