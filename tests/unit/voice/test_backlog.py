"""Beyond its bound a backlog keeps how things are, in order, and says what it dropped."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from notilog.observers.voice.backlog import Backlog
from notilog.observers.voice.events import Event, GuildLeft, Seen, Snapshot, Torn, Voice
from notilog.observers.voice.heard import Guild, VoiceState

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def voice(member_id: int, channel_id: int | None, guild_id: int = 1) -> Voice:
    return Voice(NOON, VoiceState(guild_id, member_id, channel_id, "s1"))


def all_of(backlog: Backlog) -> list[Event]:
    found = []
    while events := backlog.first(3):
        found += events
        backlog.done(len(events))
    return found


def told(events: list[Event]) -> list[tuple[int, int | None, bool]]:
    return [
        (one.state.member_id, one.state.channel_id, one.is_estimated)
        for one in events
        if isinstance(one, Voice)
    ]


def test_within_the_bound_everything_is_kept() -> None:
    backlog = Backlog(10)
    events: list[Event] = [voice(1, channel) for channel in range(10)]
    for event in events:
        backlog.put(event)
    assert backlog.first(4) == backlog.first(4) == events[:4]
    assert len(backlog) == 10
    assert all_of(backlog) == events
    assert (len(backlog), backlog.lost) == (0, 0)


def test_beyond_it_the_last_of_each_is_kept() -> None:
    backlog = Backlog(2)
    for event in (voice(1, 11), voice(2, 11), voice(1, 12), voice(2, 12), voice(1, 13)):
        backlog.put(event)
    assert backlog.lost == 1
    assert told(all_of(backlog)) == [(1, 11, False), (2, 11, False), (2, 12, False), (1, 13, True)]
    backlog.put(voice(1, 14))
    assert told(all_of(backlog)) == [(1, 14, False)]


def test_a_guild_of_which_too_much_is_dropped_is_torn() -> None:
    backlog = Backlog(1)
    for event in (voice(1, 11), voice(2, 11), voice(3, 11), voice(4, 11), Seen(NOON)):
        backlog.put(event)
    assert backlog.lost == 2
    assert [type(event) for event in all_of(backlog)] == [Voice, Voice, Torn, Seen]


def test_a_snapshot_takes_the_place_of_an_earlier_one() -> None:
    backlog = Backlog(1)
    first, last = (Snapshot(NOON + timedelta(n), Guild(1, "", None, (), ())) for n in range(2))
    for event in (voice(1, 11), first, GuildLeft(NOON, 1), last):
        backlog.put(event)
    assert all_of(backlog)[1:] == [last]


def test_what_is_forgotten_is_counted() -> None:
    backlog = Backlog(1)
    backlog.put(voice(1, 11))
    backlog.put(voice(1, 12))
    assert backlog.clear() == 2
    assert not backlog


@given(
    events=st.lists(st.builds(voice, st.integers(1, 4), st.none() | st.integers(11, 13))),
    most=st.integers(4, 6),
)
def test_who_is_where_in_the_end_is_never_lost(events: list[Voice], most: int) -> None:
    backlog = Backlog(most)
    for event in events:
        backlog.put(event)
    kept = all_of(backlog)
    assert len(kept) + backlog.lost == len(events)
    assert {member: channel for member, channel, _ in told(kept)} == {
        event.state.member_id: event.state.channel_id for event in events
    }
