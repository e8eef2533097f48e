"""What other programs export is read as they meant it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from notilog.calendar.ics.imported import ImportedEvent
from notilog.calendar.ics.reading import read
from notilog.calendar.repeat.repetition import Repetition
from tests.unit.ics.samples import APPLE, GOOGLE, OUTLOOK, calendar

TOKYO = ZoneInfo("Asia/Tokyo")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def only(*lines: str, floating: ZoneInfo = TOKYO) -> ImportedEvent:
    (event,) = read(calendar("\n".join(lines)), floating=floating)
    return event


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_google(line_end: str) -> None:
    standup, holiday = read(GOOGLE.replace("\n", line_end).encode(), floating=TOKYO)
    assert (standup.uid, standup.sequence) == ("3kq9standup@google.com", 2)
    assert standup.start == at("2026-03-02T09:30-05:00")
    assert standup.end == at("2026-03-02T09:45-05:00")
    assert standup.timezone == "America/New_York"
    assert standup.repetition == Repetition(
        type="weekly", weekly_days=(0, 1, 2, 3, 4), due_date=date(2026, 3, 30)
    )
    assert standup.excluded == tuple(at(f"2026-03-0{day}T09:30-05:00") for day in (3, 4, 5))
    assert standup.description == "Agenda:\n- yesterday\n- today, tomorrow; and C:\\notes"
    assert standup.location == "Room 5, 2nd floor"
    assert standup.visibility == "private"
    assert standup.notifications == ("10m", "1d")
    assert standup.organizer == "ann@example.com"
    assert standup.attendees == (
        ("ann@example.com", "ACCEPTED"),
        ("bob@example.com", "NEEDS-ACTION"),
    )
    (late,) = standup.overrides
    assert late.original_start == at("2026-03-10T09:30-04:00")
    assert (late.start, late.name) == (at("2026-03-10T11:00-04:00"), "Stand-up (late)")
    assert (holiday.start, holiday.end) == (date(2026, 5, 1), date(2026, 5, 3))
    assert (holiday.all_day, holiday.busy, holiday.timezone) == (True, False, "Europe/Paris")


def test_outlook_and_exchange() -> None:
    planning, summer, custom = read(OUTLOOK.encode("utf-8-sig"), floating=TOKYO)
    assert planning.start == at("2026-01-13T10:00+01:00")
    assert planning.timezone == "Europe/Berlin"
    assert planning.repetition == Repetition(type="monthly_day_weekno", due_date=date(2026, 6, 9))
    assert planning.visibility == "private"
    assert "X-ALT-DESC;FMTTYPE=text/html:<html>" in planning.raw
    assert (summer.timezone, custom.timezone) == ("Europe/Amsterdam", "Europe/Berlin")
    assert (summer.start, summer.end) == (
        at("2026-07-01T09:00+02:00"),
        at("2026-07-01T10:30+02:00"),
    )
    assert custom.repetition == Repetition(type="yearly")


def test_apple() -> None:
    dinner, floating = read(APPLE.encode(), floating=TOKYO)
    assert (dinner.name, dinner.timezone) == ("Ужин", "Europe/Moscow")
    assert dinner.repetition == Repetition(type="monthly_number")
    assert dinner.notifications == ()
    breakfast, cancelled = dinner.overrides
    assert (breakfast.this_and_following, breakfast.name) == (True, "Завтрак")
    assert breakfast.original_start == at("2026-03-31T19:00+03:00")
    assert (cancelled.cancelled, cancelled.this_and_following) == (True, False)
    assert (floating.start, floating.end) == (at("2026-06-01T08:00+09:00"),) * 2
    assert floating.added == (
        (at("2026-06-02T08:00Z"), at("2026-06-02T10:00Z")),
        (at("2026-06-03T08:00Z"), at("2026-06-03T08:30Z")),
        (at("2026-06-04T08:00+09:00"), at("2026-06-04T08:00+09:00")),
    )


def test_a_character_may_be_folded_in_the_middle() -> None:
    text = calendar("DTSTART:20260601T080000Z\nSUMMARY:Ужин").replace(b"\xd0\xa3", b"\xd0\r\n \xa3")
    assert read(text, floating=TOKYO)[0].name == "Ужин"


def test_the_newest_version_of_an_event_counts() -> None:
    versions = [f"SEQUENCE:{n}\nDTSTART:20260601T080000Z\nSUMMARY:{n}" for n in (1, 3, 2)]
    text = calendar(*versions).replace(b"UID:1", b"UID:0").replace(b"UID:2", b"UID:0")
    assert [event.name for event in read(text, floating=TOKYO)] == ["3"]


def test_an_occurrence_without_its_series_is_an_event() -> None:
    event = only("RECURRENCE-ID:20260601T080000Z", "DTSTART:20260601T093000Z", "SUMMARY:Moved")
    assert (event.uid, event.name) == ("0/20260601T080000Z", "Moved")
    assert event.repetition is None


def test_a_cancelling_calendar_cancels_its_events() -> None:
    text = calendar("DTSTART:20260601").replace(b"VERSION:2.0", b"VERSION:2.0\nMETHOD:CANCEL")
    assert read(text, floating=TOKYO)[0].cancelled
    assert only("DTSTART:20260601", "STATUS:CANCELLED").cancelled


@pytest.mark.parametrize(
    ("lines", "end"),
    [
        (["DTSTART:20260601"], date(2026, 6, 2)),
        (["DTSTART:20260601", "DURATION:P3D"], date(2026, 6, 4)),
        (["DTSTART:20260601", "DTEND:20260601"], date(2026, 6, 2)),
        (["DTSTART:20260601T080000Z"], at("2026-06-01T08:00Z")),
        (["DTSTART:20260601T080000Z", "DURATION:PT90M"], at("2026-06-01T09:30Z")),
        # A day by the wall clock has 23 hours when the clocks go forward.
        (["DTSTART;TZID=Europe/Berlin:20260328T120000", "DURATION:P1D"], at("2026-03-29T10:00Z")),
        (["DTSTART;TZID=Europe/Berlin:20260328T120000", "DURATION:PT24H"], at("2026-03-29T11:00Z")),
        # A time that the clocks jump over comes after the jump.
        (["DTSTART;TZID=Europe/Berlin:20260329T023000"], at("2026-03-29T01:30Z")),
    ],
)
def test_ends(lines: list[str], end: datetime | date) -> None:
    assert only(*lines).end == end


@pytest.mark.parametrize(
    ("trigger", "offsets"),
    [
        (":-PT15M", ("15m",)),
        (":-PT2H", ("2h",)),
        (":-P1W", ("7d",)),
        (":-P1DT2H", ("1560m",)),
        (":PT0S", ("0m",)),
        (":-P51D", ()),
        (":-PT30S", ()),
        (":PT5M", ()),
        (";RELATED=END:-PT90M", ("30m",)),
        (";VALUE=DATE-TIME:20260601T070000Z", ("60m",)),
    ],
)
def test_alarms(trigger: str, offsets: tuple[str, ...]) -> None:
    alarm = ("BEGIN:VALARM", f"TRIGGER{trigger}", "END:VALARM")
    event = only("DTSTART:20260601T080000Z", "DTEND:20260601T090000Z", *alarm)
    assert event.notifications == offsets


def test_dates_name_the_occurrences_of_their_day() -> None:
    event = only(
        "DTSTART;TZID=Europe/Berlin:20260601T080000",
        "RRULE:FREQ=DAILY",
        "EXDATE;VALUE=DATE:20260603,20261103",
        "RDATE;VALUE=DATE:20260501",
    )
    assert event.excluded == (at("2026-06-03T08:00+02:00"), at("2026-11-03T08:00+01:00"))
    assert event.added == ((at("2026-05-01T08:00+02:00"),) * 2,)


def test_occurrences_of_an_all_day_series_are_named_by_midnight() -> None:
    event = only(
        "DTSTART:20260601",
        "DTEND:20260603",
        "RRULE:FREQ=DAILY",
        "EXDATE:20260602T093000Z",
        "RDATE:20270101",
    )
    assert event.excluded == (at("2026-06-02T00:00+09:00"),)
    assert event.added == ((date(2027, 1, 1), date(2027, 1, 3)),)


@pytest.mark.parametrize("name", ["PRIVATE", "CONFIDENTIAL", "private"])
def test_classes_that_hide(name: str) -> None:
    assert only("DTSTART:20260601", f"CLASS:{name}").visibility == "private"


def test_attendees_are_known_by_their_address() -> None:
    event = only(
        "DTSTART:20260601",
        "ATTENDEE;PARTSTAT=accepted:MAILTO:a@example.org",
        "ATTENDEE;EMAIL=b@example.org:urn:uuid:1",
        "ATTENDEE:urn:uuid:2",
    )
    assert event.attendees == (("a@example.org", "ACCEPTED"), ("b@example.org", "NEEDS-ACTION"))


def test_a_large_file_does_not_take_long() -> None:
    lines = "DTSTART:20260601T080000Z\nRRULE:FREQ=WEEKLY;COUNT=30\nSUMMARY:Lunch"
    started = datetime.now(UTC)
    assert len(read(calendar(*[lines] * 3_000), floating=TOKYO)) == 3_000
    assert datetime.now(UTC) - started < timedelta(seconds=20)
