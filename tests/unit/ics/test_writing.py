"""What we write is read back as it was meant, here and by others."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import recurring_ical_events
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar, Timezone

from notilog.calendar.ics.exported import (
    Attendee,
    ExportedEvent,
    ExportedOverride,
    Person,
    busy_only,
)
from notilog.calendar.ics.imported import ImportedEvent, ImportedOverride
from notilog.calendar.ics.reading import read
from notilog.calendar.ics.writing import write
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.wall_clock import instant_of
from tests.unit.ics.samples import APPLE, GOOGLE, OUTLOOK
from tests.unit.ics.test_rules import REPETITIONS

TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")
LUNCH = ExportedEvent(
    uid="lunch@example.org",
    updated=datetime(2026, 11, 1, tzinfo=UTC),
    name="Lunch",
    start=datetime(2026, 11, 20, 11, tzinfo=UTC),
    end=datetime(2026, 11, 20, 12, tzinfo=UTC),
    timezone="Europe/Berlin",
)


def exported(event: ImportedEvent, **changes: Any) -> ExportedEvent:
    """What an import becomes when it is exported again."""
    overrides = [
        ExportedOverride(
            **{name: getattr(override, name) for name in ExportedOverride.__dataclass_fields__}
        )
        for override in event.overrides
    ]
    return ExportedEvent(**{
        "uid": event.uid,
        "sequence": event.sequence,
        "updated": LUNCH.updated,
        "name": event.name,
        "description": event.description,
        "start": event.start,
        "end": event.end,
        "timezone": event.timezone,
        "all_day": event.all_day,
        "visibility": event.visibility,
        "busy": event.busy,
        "cancelled": event.cancelled,
        "repetition": event.repetition,
        "excluded": event.excluded,
        "added": event.added,
        "overrides": tuple(overrides),
        "author": Person(event.organizer) if event.organizer else None,
        "participants": tuple(Attendee(Person(a), answer) for a, answer in event.attendees),
        "alarms": event.notifications,
        "raw": event.raw or None,
        **changes,
    })  # fmt: skip


def without_raw(event: ImportedEvent) -> ImportedEvent:
    overrides = tuple(replace(override, raw="") for override in event.overrides)
    return replace(event, raw="", overrides=overrides)


ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
)
# What a person may type; a lone CR is a line break like any other.
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=120
)
INSTANTS = st.datetimes(datetime(1971, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 -- made aware
    lambda at: at.replace(microsecond=0)
)
DATES = st.dates(date(1971, 1, 1), date(2090, 1, 1))
OFFSETS = st.integers(1, 1200).flatmap(
    lambda n: st.sampled_from([f"{n}m", f"{n}h", f"{min(n, 50)}d"])
)
ADDRESSES = st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.org", fullmatch=True)


@st.composite
def events(draw: st.DrawFn) -> ImportedEvent:
    zone = ZoneInfo(draw(ZONES))
    all_day = draw(st.booleans())
    moments: st.SearchStrategy[Any] = DATES if all_day else INSTANTS
    lengths = (
        st.integers(1, 40).map(lambda days: timedelta(days=days))
        if all_day
        else st.integers(0, 10**6).map(lambda seconds: timedelta(seconds=seconds))
    )
    start, length = draw(moments), draw(lengths)
    spans = st.tuples(moments, st.just(length) if all_day else lengths)
    first_day = start if all_day else start.astimezone(zone).date()
    due_dates = st.integers(0, 3000).map(lambda days: first_day + timedelta(days=days))
    originals = st.lists(
        DATES.map(lambda day: instant_of(datetime(day.year, day.month, day.day), zone))  # noqa: DTZ001 -- a wall clock
        if all_day
        else INSTANTS,
        unique=True,
        max_size=3,
    )
    repetition = draw(st.none() | st.builds(replace, REPETITIONS, due_date=st.none() | due_dates))
    return ImportedEvent(
        uid=draw(
            st.text(
                st.characters(
                    min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["Cc", "Zs"]
                ),
                min_size=1,
            )
        ),
        sequence=draw(st.integers(0, 2**31 - 1)),
        name=draw(TEXT),
        description=draw(TEXT),
        start=start,
        end=start + length,
        timezone=zone.key,
        all_day=all_day,
        visibility=draw(st.sampled_from(["public", "busy", "private"])),
        busy=draw(st.booleans()),
        cancelled=draw(st.booleans()),
        repetition=repetition,
        excluded=tuple(sorted(draw(originals))),
        added=tuple(
            sorted(
                (first, first + own)
                for first, own in draw(st.lists(spans, max_size=3, unique_by=lambda span: span[0]))
            )
        ),
        overrides=tuple(draw(_overrides(draw(originals), moments, lengths))),
        notifications=tuple(draw(st.lists(OFFSETS, max_size=3, unique=True))),
        attendees=tuple(
            (address, draw(st.sampled_from(["ACCEPTED", "DECLINED", "NEEDS-ACTION"])))
            for address in draw(st.lists(ADDRESSES, max_size=3, unique=True))
        ),
        organizer=draw(st.just("") | ADDRESSES),
    )


@st.composite
def _overrides(
    draw: st.DrawFn, originals: list[datetime], moments: Any, lengths: Any
) -> list[ImportedOverride]:
    found = []
    for original in originals:
        start = draw(moments)
        found.append(
            ImportedOverride(
                original_start=original,
                this_and_following=draw(st.booleans()),
                cancelled=draw(st.booleans()),
                start=start,
                end=start + draw(lengths),
                name=draw(TEXT),
                description=draw(TEXT),
            )
        )
    return found


@settings(max_examples=40, deadline=2000)
@given(event=events())
def test_what_is_written_is_read_back(event: ImportedEvent) -> None:
    overrides = [replace(o, cancelled=o.cancelled or event.cancelled) for o in event.overrides]
    event = replace(event, overrides=tuple(overrides))
    text = write([exported(event)])
    assert all(len(line) <= 75 for line in text.split(b"\r\n"))
    assert b"\n" not in text.replace(b"\r\n", b"")
    (found,) = read(text, floating=TOKYO)
    assert without_raw(found) == event


@pytest.mark.parametrize("sample", [GOOGLE, OUTLOOK, APPLE])
def test_an_import_is_exported_with_what_we_cannot_express(sample: str) -> None:
    imported = read(sample.encode(), floating=TOKYO)
    text = write([exported(event) for event in imported])
    again = read(text, floating=BERLIN)
    assert list(map(without_raw, again)) == list(map(without_raw, imported))
    unfolded = text.decode().replace("\r\n ", "")
    for kept in sample.replace("\n ", "").splitlines():
        strange = kept.startswith(
            ("X-APPLE-S", "X-APPLE-T", "X-ALT", "X-MICROSOFT-CDO-BUSY", "LOC")
        )
        assert not strange or f"{kept}\r\n" in unfolded
    if sample is APPLE:
        assert unfolded.count("UID:alarm-after-the-start") == 1
        assert unfolded.count("ACTION:NONE") == 1
    if sample is GOOGLE:
        assert unfolded.count("BEGIN:VALARM") == 2


def test_alarms_of_a_changed_occurrence_are_its_own_or_those_of_the_series() -> None:
    change = ExportedOverride(
        original_start=datetime(2026, 11, 27, 11, tzinfo=UTC),
        start=datetime(2026, 11, 27, 14, tzinfo=UTC),
        end=datetime(2026, 11, 27, 15, tzinfo=UTC),
        name="Late lunch",
    )
    event = replace(
        LUNCH, alarms=("15m",), repetition=Repetition(type="weekly"), overrides=(change,)
    )
    assert write([event]).count(b"TRIGGER:-PT15M") == 2
    start = "UID:1\nDTSTART:20261127T140000Z\nX-SEEN:1\n"
    raw = f"BEGIN:VEVENT\n{start}BEGIN:VALARM\nTRIGGER:-PT5M\nEND:VALARM\nEND:VEVENT"
    text = write([replace(event, overrides=(replace(change, raw=raw),))])
    assert text.count(b"TRIGGER:-PT15M") == text.count(b"TRIGGER:-PT5M") == 1
    assert b"X-SEEN:1" in text


def test_what_we_say_replaces_what_was_imported() -> None:
    event = read(OUTLOOK.encode(), floating=TOKYO)[0]
    changes = {
        "name": "Plan",
        "description": "New",
        "busy": False,
        "alarms": (),
        "url": "https://x/",
    }
    text = write([exported(event, **changes)]).decode()
    assert "Monatliche" not in text
    assert "X-ALT-DESC" not in text
    assert "BUSYSTATUS" not in text
    assert "VALARM" not in text
    assert "PRIORITY:5" in text
    assert "URL:https://x/" in text


def test_attendees_of_the_file_stay_unless_they_are_left_out() -> None:
    event = read(GOOGLE.encode(), floating=TOKYO)[0]
    ann = Attendee(Person("Ann@example.com", "Ann"), "DECLINED")
    (found,) = read(write([exported(event, participants=(ann,))]), floating=TOKYO)
    assert found.attendees == (("Ann@example.com", "DECLINED"), ("bob@example.com", "NEEDS-ACTION"))
    left_out = frozenset({"bob@example.com"})
    text = write([exported(event, participants=(ann,), left_out=left_out)])
    assert b"bob@" not in text


def test_a_raw_text_that_is_none_does_not_break_an_export() -> None:
    for raw in ("x", "BEGIN:VEVENT", "BEGIN:VEVENT\nx\nEND:VEVENT", "END:VCALENDAR", "\udcff"):
        assert b"SUMMARY:Lunch" in write([replace(LUNCH, raw=raw)])


def test_strangers_see_only_that_the_time_is_taken() -> None:
    event = exported(read(GOOGLE.encode(), floating=TOKYO)[0], url="https://example.org/secret")
    text = write([busy_only(event, uid="opaque", name="Занято")], method="PUBLISH").decode()
    (found,) = read(text.encode(), floating=TOKYO)
    assert (found.uid, found.name, found.start) == ("opaque", "Занято", event.start)
    assert found.excluded == event.excluded
    assert [override.name for override in found.overrides] == ["Занято"]
    for secret in ("3kq9", "Stand-up", "Agenda", "Room", "@", "CLASS", "secret", "VALARM"):
        assert secret not in text


def test_an_invitation_and_its_withdrawal() -> None:
    person = Person("ann@example.org", 'Ann "A.", \\N\r\nBCC:x')
    event = replace(LUNCH, author=person, participants=(Attendee(person),), sequence=3)
    text = write([event], method="REQUEST", name="Mine").decode().replace("\r\n ", "")
    assert "METHOD:REQUEST\r\n" in text
    assert "X-WR-CALNAME:Mine\r\n" in text
    assert "PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:ann@example.org\r\n" in text
    assert "\r\nBCC" not in text
    withdrawn = write([event], method="CANCEL").decode()
    assert "METHOD:CANCEL\r\n" in withdrawn
    assert "STATUS:CANCELLED\r\n" in withdrawn
    assert "SEQUENCE:3\r\n" in withdrawn


def test_a_second_time_that_clocks_show_is_not_the_first() -> None:
    start = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    event = replace(LUNCH, start=start, end=start + timedelta(hours=1))
    (found,) = read(write([event]), floating=TOKYO)
    assert (found.start, found.timezone) == (start, "Europe/Berlin")


def test_work_days_beyond_a_rule_are_dates() -> None:
    days = [datetime(2026, 11, day, 11, tzinfo=UTC) for day in (24, 26, 30)]
    added = tuple((day, day + timedelta(hours=1)) for day in days)
    event = replace(LUNCH, repetition=Repetition(type="workday", each=2), added=added)
    text = write([event])
    assert b"RRULE:FREQ=DAILY" not in text
    assert read(text, floating=TOKYO)[0].added == added


@settings(max_examples=40, deadline=4000)
@given(
    repetition=REPETITIONS,
    local=st.datetimes(datetime(2020, 1, 1, 12), datetime(2030, 1, 1)),  # noqa: DTZ001 -- a wall clock
    key=ZONES,
)
def test_others_see_the_same_occurrences(repetition: Repetition, local: datetime, key: str) -> None:
    """Times stay the same on the wall, by the rule and the VTIMEZONE that we write."""
    zone = ZoneInfo(key)
    start = instant_of(local.replace(microsecond=0, hour=12), zone)
    event = replace(LUNCH, start=start, end=start, timezone=key, repetition=repetition)
    seen = recurring_ical_events.of(Calendar.from_ical(write([event]))).all()
    starts = [found["DTSTART"].dt for found in islice(seen, 10)]
    assert starts
    assert {at.astimezone(zone).hour for at in starts} == {12}


@pytest.mark.parametrize(
    "key",
    [
        *("Europe/Berlin", "America/New_York", "Australia/Sydney", "America/Sao_Paulo"),
        *("Asia/Tokyo", "Africa/Casablanca", "Asia/Jerusalem", "Europe/Dublin"),
    ],
)
def test_a_described_zone_has_the_offsets_of_the_real_one(key: str) -> None:
    zone = ZoneInfo(key)
    (vtimezone,) = Calendar.from_ical(write([replace(LUNCH, timezone=key)])).timezones
    assert isinstance(vtimezone, Timezone)
    described = vtimezone.to_tz(lookup_tzid=False)
    for day in range(0, 3650, 3):
        local = datetime(2025, 11, 20, 12) + timedelta(days=day)  # noqa: DTZ001 -- a wall clock
        assert described.utcoffset(local) == local.replace(tzinfo=zone).utcoffset()
