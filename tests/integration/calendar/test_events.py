"""Events on a real database: what is kept, what is refused, and who sees what."""

import asyncio

import pytest

from notilog.calendar.drafts import Notification
from notilog.calendar.shown import Event, Participation
from notilog.errors import Forbidden, Invalid, NotFound, Stale
from notilog.users.caller import Caller
from tests.integration.calendar.attendees import QUARTER, add, change, decide, make, seen

pytestmark = pytest.mark.usefixtures("database")


async def test_an_event_is_kept_as_it_was_written_down(event: Event, ann: Caller) -> None:
    assert await seen(event, ann) == event
    assert event.author == "ann"
    assert event.timezone == "UTC"
    assert event.version == 1
    assert event.notifications == (QUARTER,)
    assert event.participants == (Participation("ben", "undecided"),)


async def test_the_zone_is_the_authors_unless_another_is_named() -> None:
    tom = await add("tom", timezone="Asia/Tokyo")
    assert (await make(tom)).timezone == "Asia/Tokyo"
    assert (await make(tom, timezone="Europe/Berlin")).timezone == "Europe/Berlin"


async def test_an_author_who_names_themselves_is_asked_once(ann: Caller, ben: Caller) -> None:
    event = await make(ann, participants=("ann", "BEN"))
    assert event.participants == (Participation("ben", "undecided"),)


async def test_unknown_and_repeated_people_are_named_by_their_place(
    ann: Caller, ben: Caller
) -> None:
    with pytest.raises(Invalid) as refused:
        await make(ann, participants=("ben", "nobody", "ben"))
    assert [error.field for error in refused.value.errors] == ["participants.1", "participants.2"]


@pytest.mark.parametrize(
    ("wishes", "field"),
    [
        ([QUARTER, Notification("51d", "log")], "notifications.1.offset"),
        ([Notification("15m", "pigeon")], "notifications.0.channel"),
        ([Notification("60m", "log"), Notification("1h", "log")], "notifications.1"),
    ],
)
async def test_a_wrong_notification_is_named_by_its_place(
    ann: Caller, wishes: list[Notification], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await make(ann, notifications=tuple(wishes))
    assert [error.field for error in refused.value.errors] == [field]


async def test_a_stale_version_changes_nothing(event: Event, ann: Caller) -> None:
    changed = await change(event, ann, name="Review", expected={1})
    assert changed.version == 2
    with pytest.raises(Stale):
        await change(event, ann, name="Retro", expected={1})
    with pytest.raises(Stale):
        await change(event, ann, name="Retro", expected=set())
    assert await seen(event, ann) == changed


async def test_of_two_changes_at_once_of_one_version_one_is_stale(
    event: Event, ann: Caller
) -> None:
    answers = await asyncio.gather(
        *(change(event, ann, name=name, expected={1}) for name in ("Review", "Retro")),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Event", "Stale"]


async def test_a_refused_change_changes_nothing(event: Event, ann: Caller) -> None:
    with pytest.raises(Invalid):
        await change(event, ann, name="Review", participants=("nobody",))
    assert await seen(event, ann) == event


async def test_only_the_author_and_administrators_change_an_event(
    event: Event, ben: Caller
) -> None:
    with pytest.raises(Forbidden):
        await change(event, ben, name="Mine")
    admin = await add("admin", role="admin")
    assert (await change(event, admin, name="Ours")).author == "ann"


async def test_a_busy_event_shows_others_only_that_the_time_is_taken(
    ann: Caller, ben: Caller
) -> None:
    cat = await add("cat")
    event = await make(ann, visibility="busy", participants=("ben",), description="secret")
    assert await seen(event, ben) == event
    taken = await seen(event, cat)
    assert (taken.start_time, taken.end_time) == (event.start_time, event.end_time)
    assert (taken.name, taken.description, taken.author) == (None, None, None)
    assert (taken.notifications, taken.participants) == ((), ())
    with pytest.raises(Forbidden):
        await change(event, cat, name="Mine")


async def test_a_private_event_cannot_be_asked_for_by_others(ann: Caller, ben: Caller) -> None:
    cat, admin = await add("cat"), await add("admin", role="admin")
    event = await make(ann, visibility="private", participants=("ben",))
    assert await seen(event, ben) == event
    assert await seen(event, admin) == event
    with pytest.raises(NotFound):
        await seen(event, cat)
    with pytest.raises(NotFound):
        await change(event, cat, name="Mine")
    with pytest.raises(NotFound):
        await decide(event, cat, "yes", login="cat")


async def test_a_public_event_is_seen_by_everybody(event: Event) -> None:
    assert await seen(event, await add("cat")) == event
