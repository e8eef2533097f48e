"""Files with series as other programs write them."""

from tests.integration.calendar_files.programs import TOKYO
from tests.unit.ics.samples import GOOGLE, OUTLOOK, calendar

GOOGLE_IN_TOKYO = GOOGLE.replace("X-WR-TIMEZONE:Europe/Paris", f"X-WR-TIMEZONE:{TOKYO}")
STANDUP = "DTSTART;TZID=Europe/Berlin:20260302T090000\nDURATION:PT1H\nSUMMARY:Stand-up"
WEEKLY = f"{STANDUP}\nRRULE:FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20260430T220000Z"


def following(original: str, start: str, name: str, *more: str) -> str:
    lines = [
        f"RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:{original}",
        f"DTSTART;TZID=Europe/Berlin:{start}",
        "DURATION:PT30M",
        f"SUMMARY:{name}",
    ]
    return "\n".join([*lines, *more])


def single(original: str, start: str, name: str, *more: str) -> str:
    return following(original, start, name, *more).replace(";RANGE=THISANDFUTURE", "")


def one_series(*parts: str) -> bytes:
    """A calendar in which all events are of one series."""
    text = calendar(*parts)
    for number in range(1, len(parts)):
        text = text.replace(f"UID:{number}\n".encode(), b"UID:0\n")
    return text


LATER = one_series(
    WEEKLY,
    following("20260316T090000", "20260316T113000", "Later"),
    single("20260325T090000", "20260326T150000", "Moved once"),
)


FILES: dict[str, bytes | str] = {
    "Google": GOOGLE_IN_TOKYO,
    "Outlook": OUTLOOK,
    "moved, cancelled, renamed": one_series(
        f"{WEEKLY}\nEXDATE;TZID=Europe/Berlin:20260304T090000,20260309T090000",
        single("20260311T090000", "20260312T140000", "Moved"),
        single("20260316T090000", "20260316T090000", "Renamed"),
    ),
    "added": calendar(
        f"{WEEKLY}\nRDATE;TZID=Europe/Berlin:20260303T090000,20260305T170000\n"
        "RDATE;VALUE=PERIOD:20260306T080000Z/PT3H"
    ),
    "only added": calendar(f"{STANDUP}\nRDATE;TZID=Europe/Berlin:20260401T100000,20260701T100000"),
    "from then on": one_series(WEEKLY, following("20260316T090000", "20260316T113000", "Later")),
    "from then on, on another day": one_series(
        f"{STANDUP}\nRRULE:FREQ=WEEKLY;UNTIL=20260601T000000Z",
        following("20260316T090000", "20260317T113000", "Tuesdays"),
    ),
    "a rule of their own": calendar(
        f"{STANDUP}\nRRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        f"{STANDUP}\nRRULE:FREQ=YEARLY;BYMONTH=3,6;BYDAY=1MO,-1FR",
        f"{STANDUP}\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU",
        f"{STANDUP}\nRRULE:FREQ=MONTHLY;BYMONTHDAY=-1",
    ),
    "counted": calendar(
        f"{STANDUP}\nRRULE:FREQ=DAILY;COUNT=5",
        f"{STANDUP}\nRRULE:FREQ=MONTHLY;BYMONTHDAY=2;COUNT=3",
        f"{STANDUP}\nRRULE:FREQ=WEEKLY;BYDAY=MO,FR;INTERVAL=2;COUNT=7",
    ),
    "until": calendar(
        f"{STANDUP}\nRRULE:FREQ=DAILY;UNTIL=20260310T080000Z",
        f"{STANDUP}\nRRULE:FREQ=DAILY;UNTIL=20260310T075959Z",
        "DTSTART;VALUE=DATE:20260302\nSUMMARY:Days\nRRULE:FREQ=DAILY;UNTIL=20260305",
    ),
    "whole days": calendar(
        "DTSTART;VALUE=DATE:20260501\nDTEND;VALUE=DATE:20260503\nSUMMARY:Holiday\n"
        "RRULE:FREQ=WEEKLY;COUNT=4\nEXDATE;VALUE=DATE:20260508"
    ),
    "floating": calendar(
        "DTSTART:20260601T080000\nDTEND:20260601T090000\nSUMMARY:Tea\nRRULE:FREQ=DAILY;COUNT=3"
    ),
}
