"""Texts and ids as they are stored, lines of CSV, and times of zones."""

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notilog.observers.storable import LONGEST_TEXT, storable
from notilog.observers.voice.admission import (
    admitted_guild,
    admitted_state,
)
from notilog.observers.voice.csv_lines import FORMULAS, lines
from notilog.observers.voice.heard import Channel, Guild, Member, VoiceState
from notilog.observers.voice.periods import Period, window
from notilog.observers.voice.zone_steps import step_of

anything = st.text(st.characters(exclude_categories=[]))


@given(text=anything)
def test_every_text_becomes_storable(text: str) -> None:
    stored = storable(text)
    assert "\0" not in stored
    assert len(stored.encode()) <= 4 * LONGEST_TEXT
    if stored != text:
        assert storable(stored) == stored


def test_what_is_no_snowflake_is_not_admitted() -> None:
    good = VoiceState(1, 2, 3, "s1", member=Member(2, "an\0na", "A\ud800"))
    admitted = admitted_state(good)
    assert admitted is not None
    assert admitted.member == Member(2, "anna", "A\ufffd")
    assert admitted_state(VoiceState(1, 2**63, 3, "s1")) is None
    assert admitted_state(VoiceState(1, 2, -3, "s1")) is None
    guild = Guild(1, "H\0", 2**70, (Channel(2**63, ""), Channel(4, "")), (good,))
    assert admitted_guild(guild) == Guild(1, "H", None, (Channel(4, ""),), (admitted,))


@given(rows=st.lists(st.lists(anything.filter(lambda text: "\0" not in text), min_size=2)))
def test_csv_is_read_back_and_computes_nothing(rows: list[list[str]]) -> None:
    text = lines(rows)
    assert text.count("\r\n") >= len(rows)
    read = list(csv.reader(StringIO(text, newline="")))
    for given_row, row in zip(rows, read, strict=True):
        for cell, found in zip(given_row, row, strict=True):
            assert found in {cell, f"'{cell}"}
            assert not found.startswith(FORMULAS)


def test_cells_are_shown_as_they_are_written_elsewhere() -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert lines([(None, True, noon, 5, "=1+1", 'a "b"', "a,b")]) == (
        ',true,2026-11-20T12:00:00+00:00,5,\'=1+1,"a ""b""","a,b"\r\n'
    )


@pytest.mark.parametrize(
    ("zone", "minutes"),
    [
        ("UTC", 60),
        ("Europe/Paris", 60),
        ("Asia/Kolkata", 30),
        ("Asia/Kathmandu", 15),
        ("Australia/Lord_Howe", 30),
    ],
)
def test_local_hours_begin_at_multiples_of_the_step(zone: str, minutes: int) -> None:
    assert step_of(ZoneInfo(zone)) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("period", "begin", "hours"),
    [
        ("day", "2026-03-29T00:00:00+01:00", 23),
        ("week", "2026-03-23T00:00:00+01:00", 7 * 24 - 1),
        ("month", "2026-03-01T00:00:00+01:00", 31 * 24 - 1),
    ],
)
def test_periods_are_of_the_zone(period: Period, begin: str, hours: int) -> None:
    found = window(period, zone=ZoneInfo("Europe/Paris"), at=datetime(2026, 3, 29, 12, tzinfo=UTC))
    assert found is not None
    assert found[0] == datetime.fromisoformat(begin)
    assert found[1] - found[0] == timedelta(hours=hours)


def test_all_time_is_no_window() -> None:
    assert window("all", zone=ZoneInfo("UTC"), at=datetime(2026, 3, 29, tzinfo=UTC)) is None
