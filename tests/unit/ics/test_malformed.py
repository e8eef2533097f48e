"""A file that cannot be read is refused with the line and the reason, and soon."""

import time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notilog.calendar.ics import lines, reading
from notilog.calendar.ics.malformed import MalformedCalendar
from notilog.calendar.ics.reading import read
from tests.unit.ics.samples import SAMPLES, calendar

BERLIN = ZoneInfo("Europe/Berlin")
TEMPLATE = """\
BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:1
DTSTART:20261120T090000Z
DESCRIPTION:folded
  once
DTEND:20261120T100000Z
SUMMARY:Lunch
END:VEVENT
END:VCALENDAR
"""
START = "DTSTART:20261120T090000Z"
END = "DTEND:20261120T100000Z"


def refused(text: bytes) -> MalformedCalendar:
    with pytest.raises(MalformedCalendar) as refusal:
        read(text, floating=BERLIN)
    return refusal.value


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        (TEMPLATE, "", 1, "BEGIN:VCALENDAR is missing"),
        (TEMPLATE, "<html>\n</html>", 1, 'must be BEGIN:VCALENDAR, not "<html>"'),
        ("VCALENDAR", "VCARD", 1, 'must be BEGIN:VCALENDAR, not "BEGIN:VCARD"'),
        ("VERSION:2.0", "VERSION:1.0", 2, "vCalendar 1.0"),
        ("VEVENT", "VTODO", 1, "has no events"),
        ("UID:1\n", "", 3, "no UID"),
        ("UID:1", "UID:", 3, "no UID"),
        (f"{START}\n", "", 3, "no DTSTART"),
        (START, "DTSTART:today", 5, 'DTSTART must be a date or a time, .* not "today"'),
        (START, "DTSTART:20261320T090000Z", 5, "that exist"),
        (START, "DTSTART:16040101T090000Z", 5, "in the years 1900 to 2999"),
        (START, "DTSTART;TZID=Nowhere:20261120T090000", 5, 'unknown time zone "Nowhere"'),
        (START, "DTSTART;VALUE=DATE:20261120", 8, "must be a date if DTSTART is"),
        (START, "DTSTART 20261120T090000Z", 5, 'a property, .* not "DTSTART 20261120T090000Z"'),
        (START, 'DTSTART;TZID="Europe/Berlin:20261120T090000', 5, "must be a property"),
        (END, "DTEND:20261120T080000Z", 8, "ends before it starts"),
        (END, "DTEND;TZID=Nowhere:20261120T100000", 8, "unknown time zone"),
        (END, "DURATION:-PT1H", 8, "ends before it starts"),
        (END, "DURATION:1 hour", 8, "must be a duration"),
        (END, "DURATION:P101W4000D", 8, None),
        (END, "DURATION:P40000D", 8, "at most 100 years"),
        (END, "RRULE:FREQ=SECONDLY", 8, "SECONDLY is too often"),
        (END, "RRULE:FREQ=MINUTELY;INTERVAL=30", 8, "MINUTELY is too often"),
        (END, "RRULE:EVERY DAY", 8, "must be like FREQ=WEEKLY"),
        (END, "RRULE:FREQ=OFTEN", 8, "FREQ must be one of"),
        (END, "RRULE:INTERVAL=2", 8, "FREQ must be one of"),
        (END, "RRULE:FREQ=DAILY;INTERVAL=0", 8, "INTERVAL must be"),
        (END, "RRULE:FREQ=DAILY;COUNT=0", 8, "COUNT must be"),
        (END, "RRULE:FREQ=DAILY;COUNT=3;UNTIL=20270101", 8, "both COUNT and UNTIL"),
        (END, "RRULE:FREQ=DAILY;UNTIL=later", 8, "must be a date or a time"),
        (END, "RRULE:FREQ=WEEKLY;BYDAY=XX", 8, "BYDAY must have weekdays"),
        (END, "RRULE:FREQ=WEEKLY;BYDAY=2MO", 8, "needs FREQ=MONTHLY"),
        (END, "RRULE:FREQ=MONTHLY;BYMONTHDAY=32", 8, "BYMONTHDAY must have"),
        (END, "RRULE:FREQ=MONTHLY;BYMONTHDAY=0", 8, "BYMONTHDAY must have"),
        (END, "RRULE:FREQ=MONTHLY;BYSETPOS=1", 8, "BYSETPOS needs"),
        (END, "RRULE:FREQ=MONTHLY;BYWEEKNO=1", 8, "BYWEEKNO needs"),
        (END, "RRULE:FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO", 8, "exclude each other"),
        (END, "RRULE:FREQ=DAILY;WKST=1", 8, "WKST must"),
        (END, "RRULE:FREQ=DAILY;RSCALE=CHINESE", 8, "RSCALE is not supported"),
        (END, "RRULE:FREQ=HOURLY;BYMINUTE=0,30", 8, "too often"),
        (
            *(END, "RRULE:FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5", 8),
            "more than 24 times of day",
        ),
        (END, "RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY", 9, "several rules"),
        (END, "EXRULE:FREQ=DAILY", 8, "EXRULE is not supported"),
        (END, "EXDATE:20261120T090000Z,never", 8, 'EXDATE .* not "never"'),
        (END, "RDATE;VALUE=PERIOD:20261120T090000Z/20261120T080000Z", 8, "period ends before"),
        (END, "RDATE;VALUE=PERIOD:20261120T090000Z/P", 8, "must be a duration"),
        (END, "RECURRENCE-ID:first", 8, "RECURRENCE-ID must be a date"),
        (END, "BEGIN:VALARM\nTRIGGER:soon\nEND:VALARM", 9, "TRIGGER must be a date or a time"),
        ("END:VEVENT\n", "", 10, "must be END:VEVENT, begun on line 3"),
        ("END:VEVENT\nEND:VCALENDAR\n", "", 3, "BEGIN:VEVENT without END:VEVENT"),
        ("END:VCALENDAR\n", "END:VCALENDAR\nEND:VCALENDAR\n", 12, "END:VCALENDAR without"),
        ("END:VCALENDAR\n", "END:VCALENDAR\nSUMMARY:x", 12, "must be BEGIN:VCALENDAR"),
        ("Lunch", "Lun\0ch", 9, "NUL"),
        ("Lunch", "Lun\udcffch", 9, "must be UTF-8"),
    ],
)
def test_the_line_and_the_reason(old: str, new: str, line: int, reason: str | None) -> None:
    text = TEMPLATE.replace(old, new).encode("utf-8", "surrogateescape")
    if reason is None:
        assert read(text, floating=BERLIN)
        return
    refusal = refused(text)
    assert refusal.problems[0].line == line
    assert refusal.errors[0].field == f"line {line}"
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(refusal.problems[0].reason)


def test_all_problems_are_told_at_once_up_to_twenty() -> None:
    refusal = refused(calendar("DTSTART:x", "DTSTART:20261120", "SUMMARY:x"))
    assert [problem.line for problem in refusal.problems] == [5, 11]
    assert len(refused(calendar(*["DTSTART:x"] * 100)).problems) == 20


def test_utf_16_is_named() -> None:
    assert "UTF-16" in str(refused(TEMPLATE.encode("utf-16")))


def test_limits() -> None:
    long = b"SUMMARY:" + b"x" * lines.LONGEST_LINE
    assert "line 9: is longer" in str(refused(TEMPLATE.encode().replace(b"SUMMARY:Lunch", long)))
    assert "larger than" in str(refused(b" " * (lines.LARGEST_FILE + 1)))
    events = calendar(*["DTSTART:20261120"] * (reading.MOST_EVENTS + 1))
    assert "more than 10000 events" in str(refused(events))
    dates = "EXDATE:" + ",".join(
        f"{2000 + n // 336}{n // 28 % 12 + 1:02}{n % 28 + 1:02}" for n in range(5001)
    )
    assert "more than 5000 EXDATE" in str(refused(calendar(f"DTSTART:20261120\n{dates}")))
    nested = b"BEGIN:X\n" * 10 + b"END:X\n" * 10
    assert "nested" in str(refused(TEMPLATE.encode().replace(b"UID:1\n", nested)))


@pytest.mark.parametrize(
    "text",
    [
        b"\n" * (lines.LARGEST_FILE // 4),
        b"BEGIN:VCALENDAR" + b"\n " * (lines.LARGEST_FILE // 2 - 20),
        b"BEGIN:VCALENDAR\n" + b"A:\n" * (lines.LARGEST_FILE // 18),
        b"BEGIN:VCALENDAR\n" + b"BEGIN:X\nEND:X\n" * (lines.LARGEST_FILE // 84),
        calendar("DTSTART:20261120\nX" + ';A="' * 250_000 + ":"),
        calendar("DTSTART:20261120\nX" + ";A=" * 300_000 + ":"),
        calendar("DTSTART:20261120\nRDATE:" + "," * 1_000_000),
        calendar("DTSTART:20261120\nRRULE:" + ";" * 1_000_000),
        calendar("DTSTART;TZID=" + "/" * 1_000_000 + ":20261120T090000"),
        calendar("DTSTART:20261120\nDESCRIPTION:" + "\\n" * 500_000),
        calendar(*["DTSTART:20261120\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"] * 10_000),
        calendar(*["DTSTART:20260202\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;COUNT=9"] * 1000),
    ],
    ids=range(12),
)
def test_a_hostile_file_takes_seconds_at_most(text: bytes) -> None:
    started = time.process_time()
    try:
        read(text, floating=BERLIN)
    except MalformedCalendar as refusal:
        told = str(refusal)
    else:
        told = ""
    assert len(told) < 5000
    assert time.process_time() - started < 15


PIECES = st.sampled_from([
    *("BEGIN:VEVENT\n", "END:VEVENT\n", "BEGIN:VALARM\n", "RRULE:FREQ=DAILY;COUNT=", "\n ", "\n"),
    *("RECURRENCE-ID:20260302T143000Z\n", "DTSTART:20260301\n", "DURATION:-P1D\n", ";", ":", "="),
    *("EXDATE:", "RDATE;VALUE=PERIOD:", "TZID=", "Z", "99999999", '"', "\\", "\x00", "é", "/", "-"),
])  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=5000)
@given(
    sample=st.sampled_from(sorted(SAMPLES)),
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 60), st.one_of(PIECES, st.text(max_size=4))),
        min_size=1,
        max_size=6,
    ),
)
def test_a_damaged_file_is_read_or_refused(
    sample: str, edits: list[tuple[float, int, str]]
) -> None:
    text = SAMPLES[sample]
    for where, length, new in edits:
        position = int(where * len(text))
        text = text[:position] + new + text[position + length :]
    try:
        read(text.encode("utf-8", "replace"), floating=BERLIN)
    except MalformedCalendar as refusal:
        numbers = [problem.line for problem in refusal.problems]
    else:
        numbers = []
    last = text.count("\n") + text.count("\r") + 1
    assert all(1 <= number <= last for number in numbers)


@settings(max_examples=60, deadline=5000)
@given(text=st.binary(max_size=300))
def test_bytes_are_read_or_refused(text: bytes) -> None:
    for whole in (text, TEMPLATE.encode().replace(b"Lunch", text)):
        try:
            read(whole, floating=BERLIN)
        except MalformedCalendar:
            continue
