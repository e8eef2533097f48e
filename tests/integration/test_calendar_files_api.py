"""Calendar files over REST: what other programs export is taken in, and a feed gives it out."""

import asyncio
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import recurring_ical_events
from httpx import AsyncClient, Response
from icalendar import Calendar

from notilog import clock
from tests.integration.conftest import Person, SignIn
from tests.integration.planning import made, refused_fields
from tests.unit.ics.samples import APPLE, GOOGLE, OUTLOOK, calendar

ICS = {"Content-Type": "text/calendar"}
TOKYO = "Asia/Tokyo"
YEAR = {"from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z", "limit": "1000"}
FROM, TO = (datetime.fromisoformat(YEAR[end]) for end in ("from", "to"))

Seen = tuple[str, str, str | None]
"""The start and the end of an occurrence, and its name."""


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The time at which all of this happens, before what the files have."""
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: at)
    return at


@pytest.fixture
async def ann(sign_in: SignIn) -> Person:
    return await sign_in("ann", timezone=TOKYO, email="ann@example.org")


@pytest.fixture
async def ben(sign_in: SignIn) -> Person:
    return await sign_in("ben", timezone=TOKYO)


async def sent(person: Person, text: bytes | str) -> Response:
    content = text.encode() if isinstance(text, str) else text
    return await person.api.post("calendars/import", content=content, headers=ICS)


async def imported(person: Person, text: bytes | str) -> tuple[int, int, int]:
    """How many events were created, updated and cancelled."""
    answer = await sent(person, text)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["created"], body["updated"], body["cancelled"]


async def listed(person: Person, **params: str) -> list[dict[str, Any]]:
    answer = await person.api.get("events", params={**YEAR, **params})
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"] is None
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def agenda(person: Person, **params: str) -> list[Seen]:
    items = await listed(person, **params)
    return sorted((item["start_time"], item["end_time"], item["name"]) for item in items)


async def starts(person: Person) -> list[str]:
    return [start for start, _, _ in await agenda(person)]


async def event_of(person: Person) -> dict[str, Any]:
    """The event of the first occurrence."""
    answer = await person.api.get(f"events/{(await listed(person))[0]['event_id']}")
    event: dict[str, Any] = answer.json()
    return event


def by_another_program(text: bytes | str) -> list[Seen]:
    """The occurrences as another program finds them; floating times and dates are in Tokyo."""
    found = recurring_ical_events.of(Calendar.from_ical(text), skip_bad_series=False)
    seen = [
        (utc(event["DTSTART"].dt), utc(event.end), str(event.get("SUMMARY", "")))
        for event in found.between(FROM, TO)
    ]
    return sorted(seen)


def utc(moment: date) -> str:
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    zone = moment.tzinfo or ZoneInfo(TOKYO)
    return f"{moment.replace(tzinfo=zone).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


async def feed_token(person: Person, *scopes: str) -> dict[str, str]:
    wish = {"name": "phone", "scopes": scopes or ["events:feed"]}
    answer = await person.api.post("tokens", json=wish)
    assert answer.status_code == 201, answer.text
    return {"token": answer.json()["token"], "id": answer.json()["id"]}


async def feed(viewer: Person, login: str, anonymous: AsyncClient) -> str:
    """Somebody's feed, as a program reads it that has nothing but the address."""
    token = (await feed_token(viewer))["token"]
    answer = await anonymous.get(f"calendars/{login}.ics", params={"token": token})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == "text/calendar"
    return answer.content.decode()


def unfolded(text: str) -> list[str]:
    return text.replace("\r\n ", "").split("\r\n")


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


@pytest.mark.parametrize("name", FILES)
async def test_another_program_finds_the_same_occurrences(ann: Person, name: str) -> None:
    expected = by_another_program(FILES[name])
    assert expected
    await imported(ann, FILES[name])
    assert await agenda(ann) == expected


async def test_apple(ann: Person) -> None:
    assert await imported(ann, APPLE) == (2, 0, 0)
    found = await agenda(ann, to="2026-07-01T00:00:00Z")
    assert found == [
        ("2026-01-31T16:00:00Z", "2026-01-31T17:00:00Z", "Ужин"),
        ("2026-04-30T15:00:00Z", "2026-04-30T16:00:00Z", "Завтрак"),
        ("2026-05-30T15:00:00Z", "2026-05-30T16:00:00Z", "Завтрак"),
        ("2026-05-31T23:00:00Z", "2026-05-31T23:00:00Z", "Floating"),
        ("2026-06-02T08:00:00Z", "2026-06-02T10:00:00Z", "Floating"),
        ("2026-06-03T08:00:00Z", "2026-06-03T08:30:00Z", "Floating"),
        ("2026-06-03T23:00:00Z", "2026-06-03T23:00:00Z", "Floating"),
        ("2026-06-30T15:00:00Z", "2026-06-30T16:00:00Z", "Завтрак"),
    ]


async def test_what_a_file_says_of_an_event_is_shown(ann: Person) -> None:
    await imported(ann, GOOGLE)
    event = await event_of(ann)
    assert event["name"] == "Stand-up"
    assert event["description"] == "Agenda:\n- yesterday\n- today, tomorrow; and C:\\notes"
    assert (event["timezone"], event["visibility"]) == ("America/New_York", "private")
    assert event["participants"] == []
    assert event["notifications"] == [
        {"offset": "10m", "channel": "log"},
        {"offset": "1d", "channel": "log"},
    ]
    holiday = (await listed(ann))[-1]
    assert (holiday["all_day"], holiday["busy"]) == (True, False)
    assert (holiday["timezone"], holiday["start_time"]) == ("Europe/Paris", "2026-04-30T22:00:00Z")


async def test_outlooks_zones_are_those_that_it_means(ann: Person) -> None:
    await imported(ann, OUTLOOK)
    found = {item["name"]: item for item in await listed(ann)}
    assert {name: item["timezone"] for name, item in found.items()} == {
        "Monatliche Planung": "Europe/Berlin",
        "Sommer": "Europe/Amsterdam",
        "Custom": "Europe/Berlin",
    }
    assert found["Sommer"]["end_time"] == "2026-07-01T08:30:00Z"
    assert found["Custom"]["start_time"] == "2026-07-01T07:00:00Z"


async def test_a_start_beside_its_rule_stays_also_when_the_event_is_renamed(ann: Person) -> None:
    rule = "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3"
    await imported(ann, calendar(f"{STANDUP}\n{rule}", f"{STANDUP}\nRRULE:FREQ=WEEKLY;BYDAY=TU"))
    before = await listed(ann, to="2026-04-01T00:00:00Z")
    assert [item["start_time"][:10] for item in before] == [
        *("2026-03-02", "2026-03-02", "2026-03-03", "2026-03-10"),
        *("2026-03-17", "2026-03-24", "2026-03-31", "2026-03-31"),
    ]
    for event_id in {item["event_id"] for item in before}:
        answer = await ann.api.patch(f"events/{event_id}", json={"name": "Renamed"})
        assert answer.status_code == 200, answer.text
    after = await listed(ann, to="2026-04-01T00:00:00Z")
    assert after == [{**item, "name": "Renamed"} for item in before]


@pytest.mark.parametrize(
    "text", [GOOGLE, OUTLOOK, APPLE, LATER, FILES["moved, cancelled, renamed"]]
)
async def test_the_same_file_again_changes_nothing(ann: Person, text: bytes | str) -> None:
    created, _, _ = await imported(ann, text)
    before = await listed(ann)
    for _ in range(2):
        assert await imported(ann, text) == (0, created, 0)
        assert await listed(ann) == before


async def test_two_imports_at_once_make_no_duplicates(ann: Person) -> None:
    answers = await asyncio.gather(*(sent(ann, LATER) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200] * 3
    assert sorted(answer.json()["created"] for answer in answers) == [0, 0, 1]
    once = await agenda(ann)
    assert len(once) == len(set(once))


async def test_one_changed_occurrence_after_a_change_of_all_that_follow(ann: Person) -> None:
    """It is where the file says, and not moved along with the others."""
    await imported(ann, LATER)
    found = await agenda(ann, to="2026-04-02T00:00:00Z")
    assert [(start, name) for start, _, name in found] == [
        ("2026-03-02T08:00:00Z", "Stand-up"),
        ("2026-03-04T08:00:00Z", "Stand-up"),
        ("2026-03-09T08:00:00Z", "Stand-up"),
        ("2026-03-11T08:00:00Z", "Stand-up"),
        ("2026-03-16T10:30:00Z", "Later"),
        ("2026-03-18T10:30:00Z", "Later"),
        ("2026-03-23T10:30:00Z", "Later"),
        ("2026-03-26T14:00:00Z", "Moved once"),
        ("2026-03-30T09:30:00Z", "Later"),
        ("2026-04-01T09:30:00Z", "Later"),
    ]


async def test_a_series_that_changes_twice_and_ends_early(ann: Person) -> None:
    text = one_series(
        WEEKLY,
        following("20260309T090000", "20260309T100000", "Second"),
        following("20260316T090000", "20260316T120000", "Third"),
        following("20260323T090000", "20260323T090000", "None", "STATUS:CANCELLED"),
    )
    await imported(ann, text)
    expected = [
        ("2026-03-02T08:00:00Z", "Stand-up"),
        ("2026-03-04T08:00:00Z", "Stand-up"),
        ("2026-03-09T09:00:00Z", "Second"),
        ("2026-03-11T09:00:00Z", "Second"),
        ("2026-03-16T11:00:00Z", "Third"),
        ("2026-03-18T11:00:00Z", "Third"),
    ]
    assert [(start, name) for start, _, name in await agenda(ann)] == expected
    whole = one_series(WEEKLY, following("20260302T090000", "20260302T120000", "All"))
    assert await imported(ann, whole) == (0, 1, 0)
    assert {(start[10:], name) for start, _, name in await agenda(ann)} == {
        ("T11:00:00Z", "All"),
        ("T10:00:00Z", "All"),
    }
    assert len({item["event_id"] for item in await listed(ann)}) == 1


async def test_a_changed_file_updates(ann: Person) -> None:
    await imported(ann, LATER)
    before = await event_of(ann)
    assert await imported(ann, calendar(f"{STANDUP}\nRRULE:FREQ=WEEKLY;COUNT=2")) == (0, 1, 0)
    assert await starts(ann) == ["2026-03-02T08:00:00Z", "2026-03-09T08:00:00Z"]
    assert (await event_of(ann))["id"] == before["id"]


async def test_a_cancelled_event_goes_with_all_its_parts(ann: Person) -> None:
    await imported(ann, LATER)
    path = f"events/{(await event_of(ann))['id']}"
    assert await imported(ann, calendar(f"{WEEKLY}\nSTATUS:CANCELLED")) == (0, 0, 1)
    assert await agenda(ann) == []
    assert (await ann.api.get(path)).status_code == 404
    assert await imported(ann, calendar(f"{WEEKLY}\nSTATUS:CANCELLED")) == (0, 0, 0)
    assert await imported(ann, LATER) == (1, 0, 0)


async def test_an_occurrence_that_is_both_excluded_and_changed_is_left_out(ann: Person) -> None:
    text = one_series(
        f"{STANDUP}\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE;TZID=Europe/Berlin:20260303T090000",
        single("20260303T090000", "20260303T120000", "Moved"),
    )
    await imported(ann, text)
    assert await agenda(ann) == by_another_program(text)


async def test_calendars_in_one_file_may_share_an_event(ann: Person) -> None:
    old, new = (calendar(f"{STANDUP}\nSEQUENCE:{n}\nX-N:{n}") for n in (1, 2))
    assert await imported(ann, new + old) == (1, 0, 0)
    assert len(await agenda(ann)) == 1


async def test_decisions_outlive_another_import(ann: Person, ben: Person) -> None:
    await imported(ann, calendar(WEEKLY))
    path = f"events/{(await event_of(ann))['id']}"
    await ann.api.patch(path, json={"participants": ["ben"]})
    await ben.api.put(f"{path}/participants/ben", json={"decision": "yes"})
    declined = {"decision": "no", "occurrence": "2026-03-04T08:00:00Z"}
    assert (await ben.api.put(f"{path}/participants/ben", json=declined)).status_code == 200
    before = await listed(ann, login="ben")
    await imported(ann, calendar(WEEKLY))
    assert await listed(ann, login="ben") == before
    moved = calendar(WEEKLY.replace("20260302T090000", "20260302T100000"))
    await imported(ann, moved)
    (asked,) = (await event_of(ann))["participants"]
    assert asked == {"login": "ben", "decision": "undecided"}


async def test_the_events_of_others_are_left_alone(ann: Person, ben: Person) -> None:
    await made(ben, participants=[], start_time="2026-11-20T09:00:00Z")
    await imported(ben, calendar(STANDUP))
    before = await listed(ben)
    assert await imported(ann, calendar(f"{STANDUP}, mine")) == (1, 0, 0)
    assert await listed(ben) == before
    (mine,) = await listed(ann)
    assert (mine["name"], mine["author"]) == ("Stand-up, mine", "ann")
    await imported(ann, calendar(f"{STANDUP}\nSTATUS:CANCELLED"))
    assert await listed(ben) == before


async def test_reminders_follow_the_file(ann: Person) -> None:
    alarms = "".join(
        f"BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:{trigger}\nEND:VALARM\n"
        for trigger in ("-PT15M", "PT5M", "-P51D")
    )
    text = calendar(f"{WEEKLY}\n{alarms}".strip())
    for wanted, content in (("15m", text), ("2h", text.replace(b"-PT15M", b"-PT2H"))):
        await imported(ann, content)
        assert (await event_of(ann))["notifications"] == [{"offset": wanted, "channel": "log"}]


REFUSED: dict[str, tuple[bytes, list[str]]] = {
    "the third is broken": (
        calendar(STANDUP, STANDUP, f"{STANDUP}\nRRULE:FREQ=OFTEN", STANDUP),
        ["line 20"],
    ),
    "two are": (calendar("DTSTART:never", STANDUP, "SUMMARY:no start"), ["line 5", "line 13"]),
    "not UTF-8": (calendar(STANDUP).replace(b"Stand-up", b"Stand\xff"), ["line 7"]),
    "UTF-16": (calendar(STANDUP).decode().encode("utf-16"), ["line 1"]),
    "NUL": (calendar(STANDUP).replace(b"Stand-up", b"Stand\0"), ["line 7"]),
    "empty": (b"", ["line 1"]),
    "JSON": (b'{"name": "x"}', ["line 1"]),
    "cut off": (calendar(STANDUP, STANDUP)[:-40], ["line 9"]),
    "a UID beyond all measure": (
        calendar(STANDUP).replace(b"UID:0", b"UID:" + b"0" * 1001),
        ["UID"],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_file_that_cannot_be_read_changes_nothing(ann: Person, name: str) -> None:
    text, fields = REFUSED[name]
    await imported(ann, calendar(f"{STANDUP}, so far"))
    before = await listed(ann)
    assert refused_fields(await sent(ann, text)) == fields
    assert await listed(ann) == before


async def test_a_file_beyond_the_limits_is_refused(ann: Person) -> None:
    large = calendar(STANDUP, "DESCRIPTION:" + "x" * 2**20 * 9)
    assert (await sent(ann, large)).status_code == 413
    assert (await sent(ann, large[: 6 * 2**20])).status_code in {413, 422}
    assert await agenda(ann) == []


@pytest.mark.parametrize("rule", ["WEEKLY", "MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"])
async def test_an_imported_series_is_renamed_changed_and_split(ann: Person, rule: str) -> None:
    await imported(ann, calendar(f"{STANDUP}\nRRULE:FREQ={rule}"))
    event = await event_of(ann)
    first, second, third, fourth, *rest = await starts(ann)
    renamed = await ann.api.patch(f"events/{event['id']}", json={"name": "Old"})
    assert renamed.json()["start_time"] == first
    path = f"events/{event['id']}/occurrences"
    change = {"start_time": f"{second[:11]}15:00:00Z", "end_time": f"{second[:11]}16:00:00Z"}
    moved = await ann.api.patch(f"{path}/{second}", json={**change, "name": "Moved"})
    assert moved.status_code == 200, moved.text
    assert (await ann.api.delete(f"{path}/{third}")).status_code == 204
    split = await ann.api.patch(
        f"{path}/{fourth}", params={"scope": "following"}, json={"name": "New"}
    )
    assert split.status_code == 200, split.text
    assert split.json()["repetition"] == event["repetition"]
    assert [(start, name) for start, _, name in await agenda(ann)] == [
        (first, "Old"),
        (change["start_time"], "Moved"),
        *((start, "New") for start in (fourth, *rest)),
    ]


async def test_a_series_that_was_split_here_is_again_as_the_file_says(ann: Person) -> None:
    await imported(ann, calendar(WEEKLY))
    before = await listed(ann)
    for start in ("2026-03-23T08:00:00Z", "2026-03-16T08:00:00Z"):
        path = f"events/{before[0]['event_id']}/occurrences/{start}"
        split = await ann.api.patch(path, params={"scope": "following"}, json={"name": "New"})
        assert split.status_code == 200, split.text
    assert {name for _, _, name in await agenda(ann)} == {"Stand-up", "New"}
    assert await imported(ann, calendar(WEEKLY)) == (0, 1, 0)
    assert await listed(ann) == before


async def test_an_export_has_what_no_column_expresses(ann: Person, anonymous: AsyncClient) -> None:
    await imported(ann, GOOGLE)
    before = await feed(ann, "ann", anonymous)
    lines = unfolded(before)
    assert "LOCATION:Room 5\\, 2nd floor" in lines
    assert any(line.startswith("ATTENDEE;") and "X-NUM-GUESTS=0" in line for line in lines)
    assert "UID:3kq9standup@google.com" in lines
    assert {"TRIGGER:-PT10M", "TRIGGER:-P1D"} <= set(lines)
    await imported(ann, OUTLOOK)
    await imported(ann, calendar(f"{STANDUP}\nCATEGORIES:Work,Daily\nX-OWN;A=B:kept"))
    lines = unfolded(await feed(ann, "ann", anonymous))
    for line in (
        "CATEGORIES:Work,Daily",
        "X-OWN;A=B:kept",
        "X-MICROSOFT-CDO-BUSYSTATUS:OOF",
        "X-ALT-DESC;FMTTYPE=text/html:<html><body>Reminder</body></html>",
    ):
        assert line in lines


@pytest.mark.parametrize("text", [APPLE, GOOGLE, LATER, *FILES.values()])
async def test_a_feed_taken_in_by_another_account_is_the_same_calendar(
    ann: Person, ben: Person, anonymous: AsyncClient, text: bytes | str
) -> None:
    await imported(ann, text)
    before = await agenda(ann)
    exported = await feed(ann, "ann", anonymous)
    await imported(ben, exported)
    assert await agenda(ben) == before
    await imported(ben, await feed(ben, "ben", anonymous))
    assert await agenda(ben) == before


async def test_what_was_made_here_is_taken_in_by_another_account(
    ann: Person, ben: Person, anonymous: AsyncClient
) -> None:
    start = {"start_time": "2026-03-02T09:00:00+01:00", "end_time": "2026-03-02T10:00:00+01:00"}
    for repetition in (
        {"type": "daily", "each": 3, "due_date": "2026-06-01"},
        {"type": "weekly", "weekly_days": ["mon", "sun"], "each": 2},
        {"type": "monthly_number"},
        {"type": "monthly_day_weekno", "monthly_last_week": True},
        {"type": "yearly"},
        {"type": "workday", "each": 1},
        {"type": "workday", "each": 2},
    ):
        await made(ann, **start, participants=[], repetition=repetition)
    whole_days = {"start_time": "2026-05-01", "end_time": "2026-05-03", "all_day": True}
    await made(ann, **whole_days, participants=[], repetition={"type": "monthly_number"})
    event = await event_of(ann)
    path = f"events/{event['id']}/occurrences/{event['start_time']}"
    await ann.api.patch(path, json={"name": "First"})
    await imported(ben, await feed(ann, "ann", anonymous))
    assert await agenda(ben) == await agenda(ann)


async def test_the_feed_is_what_takes_place(
    ann: Person, ben: Person, anonymous: AsyncClient
) -> None:
    series = {
        "start_time": "2026-03-02T09:00:00+01:00",
        "end_time": "2026-03-02T10:00:00+01:00",
        "repetition": {"type": "daily", "due_date": "2026-03-06"},
    }
    event = await made(ann, **series)
    path = f"events/{event['id']}"
    occurrence = f"{path}/occurrences/2026-03-0{{}}T08:00:00Z"
    moved = {"start_time": "2026-03-03T12:00:00Z", "end_time": "2026-03-03T13:00:00Z"}
    await ann.api.patch(occurrence.format(3), json={**moved, "name": "Moved"})
    await ann.api.delete(occurrence.format(4))
    declined = {"decision": "no", "occurrence": "2026-03-05T08:00:00Z"}
    await ben.api.put(f"{path}/participants/ben", json=declined)

    everything = [
        ("2026-03-02T08:00:00Z", "2026-03-02T09:00:00Z", "Planning"),
        ("2026-03-03T12:00:00Z", "2026-03-03T13:00:00Z", "Moved"),
        ("2026-03-05T08:00:00Z", "2026-03-05T09:00:00Z", "Planning"),
        ("2026-03-06T08:00:00Z", "2026-03-06T09:00:00Z", "Planning"),
    ]
    of_ann = await feed(ann, "ann", anonymous)
    assert by_another_program(of_ann) == everything
    assert "TRIGGER:-PT15M" in unfolded(of_ann)
    assert by_another_program(await feed(ben, "ben", anonymous)) == [
        *everything[:2],
        everything[3],
    ]
    await ben.api.put(f"{path}/participants/ben", json={"decision": "no"})
    for decision in ("yes", "no"):
        again = {**declined, "decision": decision}
        assert (await ben.api.put(f"{path}/participants/ben", json=again)).status_code == 200
        left = everything[2:3] if decision == "yes" else []
        for viewer in (ann, ben):
            assert by_another_program(await feed(viewer, "ben", anonymous)) == left


@pytest.mark.parametrize(("language", "word"), [("en", "Busy"), ("ru", "Занято")])
@pytest.mark.parametrize("visibility", ["private", "busy"])
async def test_a_stranger_learns_when_the_time_is_taken_and_no_more(
    ann: Person,
    ben: Person,
    sign_in: SignIn,
    anonymous: AsyncClient,
    visibility: str,
    language: str,
    word: str,
) -> None:
    cat = await sign_in("cat", language=language)
    await imported(ann, GOOGLE_IN_TOKYO.replace("CLASS:PRIVATE", "CLASS:PRIVATE\nX-OWN:secret"))
    event = await event_of(ann)
    await ann.api.patch(
        f"events/{event['id']}",
        json={"visibility": visibility, "participants": ["ben"], "description": "a secret"},
    )
    text = await feed(cat, "ann", anonymous)
    seen = by_another_program(text)
    own = await agenda(ann)
    assert [(start, end) for start, end, _ in seen] == [(start, end) for start, end, _ in own]
    assert {name for _, _, name in seen} == {word, "Holiday"}
    lines = "\n".join(unfolded(text))
    secrets = ("Stand-up", "late", "secret", "3kq9standup", event["id"], "Room 5", "ben", "Bob")
    for secret in (
        *secrets,
        "VALARM",
        "ATTENDEE",
        "ORGANIZER",
        "DESCRIPTION",
        "CLASS:C",
        "CLASS:PR",
    ):
        assert secret not in lines
    of_ben = await feed(ben, "ann", anonymous)
    assert "SUMMARY:Stand-up" in of_ben
    assert "BEGIN:VALARM" not in of_ben


async def test_a_feed_needs_a_token_that_can_do_nothing_else(
    ann: Person, anonymous: AsyncClient
) -> None:
    await imported(ann, calendar(STANDUP))
    made_token = await feed_token(ann)
    wide = await feed_token(ann, "events:feed", "events:read")
    other = await feed_token(ann, "events:read")
    for secret, status in (
        (made_token["token"], 200),
        (wide["token"], 403),
        (other["token"], 403),
        (ann.session_id, 403),
        ("ntl_unknown", 401),
        ("", 401),
    ):
        answer = await anonymous.get("calendars/ann.ics", params={"token": secret})
        assert answer.status_code == status
        if status != 200:
            assert answer.headers["content-type"] == "application/problem+json"
            assert "VCALENDAR" not in answer.text
    assert refused_fields(await ann.api.get("calendars/ann.ics")) == ["token"]
    unknown = await anonymous.get("calendars/zoe.ics", params={"token": made_token["token"]})
    assert unknown.status_code == 404
    bearer = {"Authorization": f"Bearer {made_token['token']}"}
    for refused in (
        await anonymous.get("events", params=YEAR, headers=bearer),
        await anonymous.post("calendars/import", content=calendar(STANDUP), headers=bearer | ICS),
    ):
        assert refused.status_code == 403
    assert (await ann.api.delete(f"tokens/{made_token['id']}")).status_code == 204
    gone = await anonymous.get("calendars/ann.ics", params={"token": made_token["token"]})
    assert gone.status_code == 401
