"""A series: its occurrences, what is changed of one or of those that follow, and its reminders."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.event import listen, remove

from notilog.calendar import agenda, following, one_occurrence, participation, reminders
from notilog.calendar.drafts import Changes, Notification
from notilog.calendar.intervals import Interval
from notilog.calendar.repeat.repetition import Repetition
from notilog.calendar.shown import Event, Participation
from notilog.calendar.tables import OccurrenceDecisionRow
from notilog.db.session import reading, transaction
from notilog.errors import Invalid, NotFound, Stale
from notilog.users.caller import Caller
from tests.integration.calendar.attendees import add, change, deliveries, make, seen

pytestmark = pytest.mark.usefixtures("database")

BERLIN = "Europe/Berlin"
WEEKLY = Repetition(type="weekly")
MONDAY = datetime.fromisoformat("2027-03-15T09:00:00+01:00")
"""Two Mondays before the clocks of Berlin go forward."""

WEEKS = [
    datetime.fromisoformat(text)
    for text in (
        "2027-03-15T08:00:00Z",
        "2027-03-22T08:00:00Z",
        "2027-03-29T07:00:00Z",
        "2027-04-05T07:00:00Z",
    )
]
HOUR = timedelta(hours=1)
SUNDAY_TO_WEDNESDAY = {
    "day_from": "sun",
    "day_to": "wed",
    "time_from": "09:00",
    "time_to": "17:00",
}


@pytest.fixture
async def series(ann: Caller, ben: Caller) -> Event:
    return await make(
        ann,
        start_time=MONDAY,
        timezone=BERLIN,
        repetition=WEEKLY,
        participants=("ben",),
        notifications=(Notification("1h", "log"),),
    )


async def agenda_of(
    caller: Caller, start: datetime, days: float = 27, **of: Any
) -> list[agenda.Item]:
    window = Interval(start, start + timedelta(days=days))
    async with reading() as tx:
        items, following_page = await agenda.listing(
            tx, caller, logins=of.get("logins", ()), window=window, limit=1000
        )
    assert following_page is None
    return items


async def starts(caller: Caller, **of: Any) -> list[datetime]:
    return [item.start_time for item in await agenda_of(caller, WEEKS[0], **of)]


async def change_one(
    event: Event, original: datetime, by: Caller, *, now: datetime = WEEKS[0], **to: Any
) -> None:
    async with transaction() as tx:
        await one_occurrence.change_occurrence(
            tx,
            by,
            event_id=event.id,
            original_start=original,
            changes=Changes(**to),
            expected=None,
            now=now,
        )


async def cancel_one(event: Event, original: datetime, by: Caller) -> None:
    async with transaction() as tx:
        await one_occurrence.cancel_occurrence(
            tx, by, event_id=event.id, original_start=original, expected=None, now=WEEKS[0]
        )


async def change_from(event: Event, original: datetime, by: Caller, **to: Any) -> Event:
    async with transaction() as tx:
        return await following.change_following(
            tx,
            by,
            event_id=event.id,
            original_start=original,
            changes=Changes(**to),
            expected=None,
            now=WEEKS[0],
        )


async def cancel_from(event: Event, original: datetime, by: Caller) -> None:
    async with transaction() as tx:
        await following.cancel_following(
            tx, by, event_id=event.id, original_start=original, expected=None, now=WEEKS[0]
        )


async def decide(event: Event, by: Caller, decision: Any, *, of: datetime | None = None) -> None:
    async with transaction() as tx:
        await participation.decide(
            tx,
            by,
            event_id=event.id,
            login=by.login,
            decision=decision,
            occurrence=of,
            now=WEEKS[0],
        )


async def tick(now: datetime) -> None:
    more = True
    while more:
        async with transaction() as tx:
            more = (await reminders.tick(tx, now)).more


async def due(event: Event, *, status: str = "pending") -> Counter[datetime]:
    """How many people are reminded at each instant."""
    return Counter(row.due_at for row in await deliveries(event) if row.status == status)


async def test_a_series_keeps_the_wall_clock_when_the_clocks_change(
    series: Event, ann: Caller
) -> None:
    assert await starts(ann) == WEEKS
    for begin in WEEKS:
        await tick(begin - HOUR)
    assert await due(series) == {begin - HOUR: 2 for begin in WEEKS}


async def test_a_start_that_does_not_match_moves_and_the_answer_says_so(ann: Caller) -> None:
    event = await make(
        ann,
        start_time=MONDAY,
        timezone=BERLIN,
        repetition=Repetition(type="weekly", weekly_days=(2,)),
    )
    assert event.start_time == MONDAY + timedelta(days=2)
    assert event.end_time == MONDAY + timedelta(days=2, hours=1)
    assert event.asked_start == MONDAY
    assert (await seen(event, ann)).asked_start is None


async def test_the_work_days_of_the_author_are_frozen() -> None:
    tom = await add("tom", timezone=BERLIN, work_days=SUNDAY_TO_WEDNESDAY)
    friday = datetime.fromisoformat("2027-03-19T09:00:00+01:00")
    event = await make(tom, start_time=friday, repetition=Repetition(type="workday"))
    assert event.repetition is not None
    assert event.repetition.work_days == (6, 2)
    assert event.start_time == friday + timedelta(days=2)


async def test_one_occurrence_is_moved_and_found_where_it_went(series: Event, ann: Caller) -> None:
    later = WEEKS[1] + timedelta(days=1)
    await change_one(series, WEEKS[1], ann, start_time=later, end_time=later + HOUR, name="Late")
    items = await agenda_of(ann, WEEKS[0])
    assert [item.start_time for item in items] == [WEEKS[0], later, *WEEKS[2:]]
    assert [item.original_start for item in items] == WEEKS
    assert [item.name for item in items] == ["Planning", "Late", "Planning", "Planning"]
    assert await agenda_of(ann, WEEKS[1], 0.5) == []
    assert len(await agenda_of(ann, later, 0.5)) == 1


async def test_a_far_moved_occurrence_is_found_before_the_series_begins_and_after_it_ends(
    ann: Caller,
) -> None:
    event = await make(
        ann,
        start_time=MONDAY,
        timezone=BERLIN,
        repetition=Repetition(type="weekly", due_date=date(2027, 4, 5)),
    )
    early, late = WEEKS[0] - timedelta(days=300), WEEKS[0] + timedelta(days=300)
    await change_one(event, WEEKS[1], ann, start_time=early, end_time=early + HOUR)
    await change_one(event, WEEKS[2], ann, start_time=late, end_time=late + HOUR)
    assert [item.original_start for item in await agenda_of(ann, early, 1)] == [WEEKS[1]]
    assert [item.original_start for item in await agenda_of(ann, late, 1)] == [WEEKS[2]]
    assert await starts(ann) == [WEEKS[0], WEEKS[3]]


async def test_a_moved_occurrence_is_announced_again_and_asks_again(
    series: Event, ann: Caller, ben: Caller
) -> None:
    await decide(series, ben, "yes")
    await tick(WEEKS[1] - HOUR)
    later = WEEKS[1] + timedelta(days=1)
    await change_one(
        series, WEEKS[1], ann, now=WEEKS[1] - HOUR, start_time=later, end_time=later + HOUR
    )
    assert (await due(series, status="withdrawn"))[WEEKS[1] - HOUR] == 2
    await tick(later - HOUR)
    assert (await due(series))[later - HOUR] == 2
    row = next(row for row in await deliveries(series) if row.due_at == later - HOUR)
    assert (row.occurrence_start, row.starts_at) == (WEEKS[1], later)
    assert row.content["start"] == later.isoformat()
    assert (await seen(series, ben)).participants == (Participation("ben", "yes"),)
    async with reading() as tx:
        apart = select(OccurrenceDecisionRow.original_start, OccurrenceDecisionRow.decision)
        assert (await tx.execute(apart)).all() == [(WEEKS[1], "undecided")]


async def test_a_cancelled_occurrence_is_gone_and_silent(series: Event, ann: Caller) -> None:
    await cancel_one(series, WEEKS[1], ann)
    assert await starts(ann) == [WEEKS[0], *WEEKS[2:]]
    await tick(WEEKS[3] - HOUR)
    assert WEEKS[1] - HOUR not in await due(series)
    with pytest.raises(NotFound):
        await cancel_one(series, WEEKS[1], ann)
    with pytest.raises(NotFound):
        await change_one(series, WEEKS[1] + HOUR, ann, name="Never")


async def test_one_occurrence_is_declined(series: Event, ann: Caller, ben: Caller) -> None:
    await decide(series, ben, "no", of=WEEKS[2])
    await tick(WEEKS[3] - HOUR)
    people = await due(series)
    people += await due(series, status="missed")
    assert people[WEEKS[2] - HOUR] == 1
    assert people[WEEKS[3] - HOUR] == 2
    assert [item.start_time for item in await agenda_of(ann, WEEKS[0], logins=("ben",))] == [
        WEEKS[0],
        WEEKS[1],
        WEEKS[3],
    ]
    await decide(series, ben, "no")
    await decide(series, ben, "maybe", of=WEEKS[3])
    assert [item.start_time for item in await agenda_of(ann, WEEKS[0], logins=("ben",))] == [
        WEEKS[3]
    ]


async def test_who_declines_the_series_but_comes_once_is_reminded_once(
    series: Event, ben: Caller
) -> None:
    await decide(series, ben, "no")
    await decide(series, ben, "yes", of=WEEKS[2])
    for begin in WEEKS:
        await tick(begin - HOUR)
    assert await due(series) == {
        WEEKS[0] - HOUR: 1,
        WEEKS[1] - HOUR: 1,
        WEEKS[2] - HOUR: 2,
        WEEKS[3] - HOUR: 1,
    }


async def test_of_one_occurrence_only_some_things_can_be_changed(
    series: Event, ann: Caller
) -> None:
    with pytest.raises(Invalid) as refused:
        await change_one(series, WEEKS[1], ann, visibility="busy", participants=())
    assert {error.field for error in refused.value.errors} == {"visibility", "participants"}
    with pytest.raises(Stale):
        async with transaction() as tx:
            await one_occurrence.cancel_occurrence(
                tx, ann, event_id=series.id, original_start=WEEKS[1], expected={7}, now=WEEKS[0]
            )


async def test_a_change_of_time_for_all_moves_what_was_changed_along(
    series: Event, ann: Caller
) -> None:
    later = WEEKS[1] + timedelta(days=1)
    await change_one(series, WEEKS[1], ann, start_time=later, end_time=later + 2 * HOUR)
    await cancel_one(series, WEEKS[3], ann)
    await change(
        series,
        ann,
        start_time=MONDAY + timedelta(days=1, hours=2),
        end_time=MONDAY + timedelta(days=1, hours=3),
    )
    moved = timedelta(days=1, hours=2)
    items = await agenda_of(ann, WEEKS[0])
    assert [(item.start_time, item.original_start) for item in items] == [
        (WEEKS[0] + moved, WEEKS[0] + moved),
        (later + moved, WEEKS[1] + moved),
        (WEEKS[2] + moved, WEEKS[2] + moved),
    ]
    assert items[1].end_time - items[1].start_time == 2 * HOUR


async def test_another_repetition_forgets_what_no_longer_happens(
    series: Event, ann: Caller
) -> None:
    await cancel_one(series, WEEKS[1], ann)
    await cancel_one(series, WEEKS[2], ann)
    await change(series, ann, repetition=Repetition(type="weekly", each=2))
    assert await starts(ann) == [WEEKS[0]]
    await change(series, ann, repetition=WEEKLY)
    assert await starts(ann) == [WEEKS[0], WEEKS[1], WEEKS[3]]
    await change(series, ann, repetition="once")
    assert await starts(ann) == [WEEKS[0]]


async def test_this_and_following_are_a_series_of_their_own(
    series: Event, ann: Caller, ben: Caller
) -> None:
    await decide(series, ben, "yes")
    await cancel_one(series, WEEKS[1], ann)
    late = WEEKS[3] + timedelta(days=1)
    await change_one(series, WEEKS[3], ann, start_time=late, end_time=late + HOUR)
    shifted = WEEKS[2] + 2 * HOUR
    new = await change_from(
        series, WEEKS[2], ann, name="Review", start_time=shifted, end_time=shifted + HOUR
    )
    assert new.follows == series.id
    assert new.participants == (Participation("ben", "undecided"),)
    assert new.notifications == (Notification("1h", "log"),)
    items = await agenda_of(ann, WEEKS[0])
    assert [(item.event_id, item.start_time, item.name) for item in items] == [
        (series.id, WEEKS[0], "Planning"),
        (new.id, shifted, "Review"),
        (new.id, late + 2 * HOUR, "Review"),
    ]
    for begin in sorted((*WEEKS, shifted, late + 2 * HOUR)):
        await tick(begin - HOUR)
    assert await due(series) == {WEEKS[0] - HOUR: 2}
    assert await due(new) == {shifted - HOUR: 2, late + HOUR: 2}


async def test_a_split_does_not_lose_or_repeat_a_reminder(series: Event, ann: Caller) -> None:
    await tick(WEEKS[2] - HOUR)
    async with transaction() as tx:
        new = await following.change_following(
            tx,
            ann,
            event_id=series.id,
            original_start=WEEKS[2],
            changes=Changes(name="Review"),
            expected=None,
            now=WEEKS[2] - HOUR + timedelta(seconds=1),
        )
    assert await due(new, status="withdrawn") == {WEEKS[2] - HOUR: 2}
    await tick(WEEKS[2] - HOUR + timedelta(seconds=2))
    assert await due(new) == {WEEKS[2] - HOUR: 2}
    assert {row.content["name"] for row in await deliveries(new)} == {"Review"}


async def test_those_that_follow_are_cancelled(series: Event, ann: Caller) -> None:
    await cancel_from(series, WEEKS[2], ann)
    assert await starts(ann) == WEEKS[:2]
    await tick(WEEKS[3])
    assert WEEKS[2] - HOUR not in await due(series, status="missed")
    await cancel_from(series, WEEKS[0], ann)
    assert await starts(ann) == []
    with pytest.raises(NotFound):
        await seen(series, ann)


async def test_from_the_first_on_is_the_whole_series(series: Event, ann: Caller) -> None:
    same = await change_from(series, WEEKS[0], ann, name="Review")
    assert same.id == series.id
    assert {item.name for item in await agenda_of(ann, WEEKS[0])} == {"Review"}


async def test_a_long_downtime_is_caught_up_with_at_once(series: Event, ann: Caller) -> None:
    now = WEEKS[3] - HOUR
    await tick(now)
    assert await due(series, status="missed") == {begin - HOUR: 2 for begin in WEEKS[:3]}
    assert await due(series) == {now: 2}


async def test_a_window_of_too_many_occurrences_is_refused_with_the_limit(ann: Caller) -> None:
    await make(ann, start_time=MONDAY, repetition=Repetition(type="daily"))
    with pytest.raises(Invalid, match="100,000") as refused:
        await agenda_of(ann, datetime(2027, 1, 1, tzinfo=UTC), 150_000)
    assert refused.value.errors[0].field == "to"


@pytest.mark.parametrize("events", [1, 40])
async def test_the_agenda_asks_as_many_questions_for_many_events_as_for_one(
    ann: Caller, ben: Caller, events: int
) -> None:
    for number in range(events):
        made = await make(
            ann,
            start_time=MONDAY + number * HOUR,
            participants=("ben",),
            repetition=WEEKLY,
        )
        await cancel_one(made, made.start_time + timedelta(days=7), ann)
    questions: list[str] = []

    def remember(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("SHOW"):  # the pools look after their connections
            questions.append(statement)

    listen(Engine, "before_cursor_execute", remember)
    try:
        items = await agenda_of(ann, WEEKS[0] - HOUR, 20, logins=("ann", "ben"))
    finally:
        remove(Engine, "before_cursor_execute", remember)
    assert len(items) == 2 * events
    assert len(questions) == 5


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_a_shortened_or_cancelled_occurrence_leaves_no_ghost_in_the_time_it_had(
    ann: Caller, *, is_cancelled: bool
) -> None:
    event = await make(
        ann,
        start_time=WEEKS[0],
        end_time=WEEKS[0] + 8 * HOUR,
        repetition=Repetition(type="daily"),
    )
    day = WEEKS[0] + timedelta(days=3)
    earlier = day - timedelta(days=1) + 9 * HOUR
    await change_one(event, day, ann, start_time=earlier, end_time=earlier + HOUR)
    if is_cancelled:
        await cancel_one(event, day, ann)
    assert await agenda_of(ann, day + 2 * HOUR, 0.1) == []
    found = await agenda_of(ann, earlier, 0.01)
    assert [item.original_start for item in found] == ([] if is_cancelled else [day])


async def test_when_a_series_ends_its_first_time_is_what_stays(series: Event, ann: Caller) -> None:
    await cancel_one(series, WEEKS[0], ann)
    await change(series, ann, repetition="once")
    assert await starts(ann) == [WEEKS[0]]


async def test_a_one_off_event_is_moved_by_its_only_occurrence(ann: Caller) -> None:
    event = await make(ann, start_time=WEEKS[0])
    await change_one(event, WEEKS[0], ann, start_time=WEEKS[0] + HOUR, end_time=WEEKS[0] + 2 * HOUR)
    assert await starts(ann) == [WEEKS[0] + HOUR]
