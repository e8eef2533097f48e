"""A file that comes again, changed or not, and what becomes of what was taken in."""

import asyncio

import pytest

from tests.integration.calendar_files.programs import (
    agenda,
    by_another_program,
    event_of,
    imported,
    listed,
    sent,
    starts,
)
from tests.integration.calendar_files.series import (
    FILES,
    LATER,
    STANDUP,
    WEEKLY,
    following,
    one_series,
    single,
)
from tests.integration.conftest import Person
from tests.integration.planning import made, refused_fields
from tests.unit.ics.samples import APPLE, GOOGLE, OUTLOOK, calendar


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
