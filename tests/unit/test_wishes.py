"""When a delivery may leave, given what its person wishes."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notilog.notifications.wishes import Severity, Wishes, held_until, severity_of

MOSCOW = ZoneInfo("Europe/Moscow")  # UTC+3, no change of clocks
NIGHT = (time(22), time(7, 30))


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-06-{text}Z")


def held(
    due: str, *, severity: Severity = "normal", starts: str | None = None, **wishes: Any
) -> datetime | None:
    made = Wishes(**{"zone": MOSCOW, **wishes})
    return held_until(at(due), made, severity=severity, starts_at=at(starts) if starts else None)


def test_without_wishes_nothing_is_held() -> None:
    assert held("01T12:00:00") is None


@pytest.mark.parametrize(
    ("due", "until"),
    [
        ("01T18:59:59", None),  # 21:59:59 in Moscow
        ("01T19:00:00", "02T04:30:00"),
        ("01T23:00:00", "02T04:30:00"),
        ("02T04:29:59", "02T04:30:00"),
        ("02T04:30:00", None),
    ],
)
def test_quiet_hours_that_pass_midnight(due: str, until: str | None) -> None:
    assert held(due, quiet=NIGHT) == (until and at(until))


@pytest.mark.parametrize(
    ("due", "until"), [("01T09:59:00", None), ("01T10:30:00", "01T11:00:00"), ("01T11:00:00", None)]
)
def test_quiet_hours_within_a_day(due: str, until: str | None) -> None:
    assert held(due, quiet=(time(13), time(14))) == (until and at(until))


def test_quiet_hours_follow_the_clocks_of_the_person() -> None:
    berlin: dict[str, Any] = {"quiet": NIGHT, "zone": ZoneInfo("Europe/Berlin")}
    before_the_change = datetime(2026, 10, 24, 21, 0, tzinfo=UTC)
    wishes = Wishes(**berlin)
    until = held_until(before_the_change, wishes, severity="normal", starts_at=None)
    assert until == datetime(2026, 10, 25, 6, 30, tzinfo=UTC)  # 07:30 is UTC+1 by then


def test_what_is_critical_is_never_held() -> None:
    wishes: dict[str, Any] = {
        "quiet": NIGHT,
        "digest": timedelta(hours=1),
        "muted_until": at("09T00:00:00"),
    }
    assert held("01T23:00:00", severity="critical", **wishes) is None
    assert held("01T23:00:00", severity="low", **wishes) is not None


def test_a_digest_gathers_what_falls_due_in_its_window() -> None:
    quarter: dict[str, Any] = {"digest": timedelta(minutes=15)}
    assert held("01T12:00:01", **quarter) == at("01T12:15:00")
    assert held("01T12:14:59", **quarter) == at("01T12:15:00")
    assert held("01T12:15:00", **quarter) == at("01T12:15:00")


def test_a_digest_never_holds_a_reminder_until_it_is_of_no_use() -> None:
    quarter: dict[str, Any] = {"digest": timedelta(minutes=15)}
    assert held("01T12:05:00", starts="01T12:15:00", **quarter) is None
    assert held("01T12:05:00", starts="01T12:16:00", **quarter) == at("01T12:15:00")


def test_a_mute_that_ends_at_night_lasts_until_the_morning() -> None:
    wishes: dict[str, Any] = {"muted_until": at("01T20:00:00"), "quiet": NIGHT}
    assert held("01T12:00:00", **wishes) == at("02T04:30:00")
    assert held("03T12:00:00", **wishes) is None


@given(
    due=st.datetimes(
        datetime(2020, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
        datetime(2030, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    begin=st.times(),
    end=st.times(),
    minutes=st.integers(0, 1440),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe"]),
)
def test_nothing_is_let_go_early_nor_held_for_days(
    due: datetime, begin: time, end: time, minutes: int, zone: str
) -> None:
    quiet = (begin, end) if begin != end else None
    wishes = Wishes(ZoneInfo(zone), quiet=quiet, digest=timedelta(minutes=minutes))
    until = held_until(due, wishes, severity="normal", starts_at=None)
    assert until is None or due <= until <= due + timedelta(days=2, hours=2)


@pytest.mark.parametrize(
    ("priority", "severity"), [(0, "critical"), (1, "critical"), (4, "normal"), (6, "low")]
)
def test_a_priority_has_a_severity(priority: int, severity: Severity) -> None:
    assert severity_of(priority) == severity


def test_channels_are_those_of_the_severity_or_the_one_asked_for() -> None:
    wishes = Wishes(MOSCOW, channels={"critical": ("telegram", "sms"), "low": ()})
    assert wishes.channels_for("critical", "email") == ("telegram", "sms")
    assert wishes.channels_for("normal", "email") == ("email",)
    assert wishes.channels_for("low", "email") == ("email",)


def test_the_end_of_the_calendar_breaks_nothing() -> None:
    end = datetime(9999, 12, 31, 23, tzinfo=UTC)
    for zone in ("UTC", "Pacific/Kiritimati"):
        wishes = Wishes(ZoneInfo(zone), quiet=NIGHT, muted_until=end)
        assert held_until(at("01T12:00:00"), wishes, severity="normal", starts_at=None) == end
