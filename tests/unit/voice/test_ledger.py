"""Whatever is heard, in whatever order: sessions never overlap, and actions balance."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from notilog.observers.voice.changes import (
    ActionMade,
    Changes,
    IntervalBegun,
    SessionBegun,
    SessionState,
)
from notilog.observers.voice.choosing import Choice
from notilog.observers.voice.events import (
    ChannelDeleted,
    ChannelSeen,
    Event,
    GuildChanged,
    GuildLeft,
    Linked,
    Outage,
    Present,
    Seen,
    Snapshot,
    Torn,
    Voice,
)
from notilog.observers.voice.heard import Channel, Guild, Member, VoiceState
from notilog.observers.voice.ledger import Ledger
from notilog.observers.voice.stays import FLAGS, stay_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
GUILDS, CHANNELS, MEMBERS = (1, 2), (11, 12, 13), (21, 22, 23)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def state(member_id: int = 21, channel_id: int | None = 11, **more: Any) -> VoiceState:
    return VoiceState(
        **{"guild_id": 1, "session_id": "s1", **more}, member_id=member_id, channel_id=channel_id
    )


def guild(*states: VoiceState, guild_id: int = 1) -> Guild:
    channels = tuple(Channel(each, f"c{each}") for each in CHANNELS)
    return Guild(guild_id, "Home", None, channels, states)


@dataclass
class Book:
    """What the database would have."""

    begun: dict[UUID, SessionBegun] = field(default_factory=dict)
    states: dict[UUID, SessionState] = field(default_factory=dict)
    intervals: dict[UUID, IntervalBegun] = field(default_factory=dict)
    ends: dict[UUID, datetime] = field(default_factory=dict)
    actions: list[ActionMade] = field(default_factory=list)
    seen: list[dict[int, datetime]] = field(default_factory=list)

    def write(self, changes: Changes) -> None:
        self.begun |= changes.begun
        self.states |= changes.sessions
        self.intervals |= changes.intervals
        self.ends |= changes.interval_ends
        self.actions += changes.actions
        self.seen.append(changes.seen)

    def spans(self) -> list[tuple[datetime, datetime | None, str | None]]:
        return [
            (one.started_at, self.states[key].ended_at, self.states[key].end_reason)
            for key, one in self.begun.items()
        ]


def heard(*events: Event, choice: Choice | None = None) -> tuple[Ledger, Book]:
    ledger, book = Ledger(choice or Choice()), Book()
    for event in events:
        ledger.hear(event)
        book.write(ledger.take())
    return ledger, book


states = st.builds(
    VoiceState,
    st.sampled_from(GUILDS),
    st.sampled_from(MEMBERS),
    st.none() | st.sampled_from(CHANNELS),
    st.sampled_from(["s1", "s2"]),
    *([st.booleans()] * len(FLAGS)),
)
snapshots = st.builds(
    lambda guild_id, found: guild(
        *{one.member_id: one for one in found if one.guild_id == guild_id}.values(),
        guild_id=guild_id,
    ),
    st.sampled_from(GUILDS),
    st.lists(states, max_size=4),
)
seconds = st.integers(-100, 1000).map(after)
events = st.one_of(
    st.builds(Voice, seconds, states, st.booleans()),
    st.builds(Snapshot, seconds, snapshots),
    st.builds(Linked, seconds, st.booleans()),
    st.builds(Seen, seconds),
    st.builds(Torn, seconds, st.sampled_from(GUILDS)),
    st.builds(Outage, seconds, st.sampled_from(GUILDS)),
    st.builds(GuildLeft, seconds, st.sampled_from(GUILDS)),
    st.builds(ChannelDeleted, seconds, st.sampled_from(GUILDS), st.sampled_from(CHANNELS)),
    st.builds(ChannelSeen, seconds, st.sampled_from(GUILDS), st.just(Channel(CHANNELS[0], "Hall"))),
    st.builds(GuildChanged, seconds, st.sampled_from(GUILDS), st.just("Home"), st.just(12)),
)
choices = st.builds(
    Choice, st.frozensets(st.sampled_from((1, 11, 21)), max_size=1), st.frozensets(st.just(12))
)


@settings(max_examples=300)
@given(told=st.lists(events, max_size=25), choice=choices)
def test_whatever_is_heard_the_book_is_in_order(told: list[Event], choice: Choice) -> None:
    ledger, book = heard(*sorted(told, key=lambda event: event.at), choice=choice)
    by_member = defaultdict(list)
    for key, one in book.begun.items():
        by_member[one.guild_id, one.member_id].append((one.started_at, book.states[key].ended_at))
    for spans in by_member.values():
        for (_, end), (start, _) in pairwise(spans):
            assert end is not None
            assert end <= start
    for interval in book.intervals.values():
        session = book.states[interval.voice_session_id]
        end = book.ends.get(interval.id)
        assert interval.started_at >= book.begun[interval.voice_session_id].started_at
        assert (end is None) <= (session.ended_at is None), "it ends with its session"
        assert end is None or end >= interval.started_at
        assert end is None or session.ended_at is None or end <= session.ended_at
    still_open = Counter(session.member_id for session in ledger.open_sessions)
    balance = Counter(one.member_id for one in book.actions if one.kind == "join")
    balance.subtract(one.member_id for one in book.actions if one.kind == "leave")
    assert +balance == still_open
    assert -balance == Counter()


@given(told=st.lists(events, max_size=15), seen=snapshots)
def test_a_snapshot_is_how_it_is_and_heard_again_changes_nothing(
    told: list[Event], seen: Guild
) -> None:
    ledger, _ = heard(*told, Snapshot(after(2000), seen))
    here = {one.member_id: one.stay for one in ledger.open_sessions if one.guild_id == seen.id}
    told_of = {one.member_id: stay for one in seen.states if (stay := stay_of(one)) is not None}
    assert here == told_of
    ledger.take()
    ledger.hear(Snapshot(after(2010), seen))
    again = ledger.take()
    assert replace(again, seen={}, guilds={}, channels={}, members={}) == Changes()


def test_a_gap_ends_where_they_were_last_seen() -> None:
    _, book = heard(
        Linked(NOON, connected=True),
        Snapshot(NOON, guild(state(21), state(22), state(23, self_mute=True))),
        Seen(after(30)),
        Linked(after(40), connected=False),
        Linked(after(400), connected=True),
        Seen(after(410)),
        Snapshot(after(420), guild(state(22, channel_id=12), state(23, mute=True))),
    )
    assert book.spans() == [
        (NOON, after(30), "gap"),
        (NOON, after(30), "gap"),
        (NOON, None, None),
        (after(420), None, None),
    ]
    assert [one.start_estimated for one in book.begun.values()] == [True] * 4
    assert [(one.kind, one.at) for one in book.actions[3:]] == [
        ("leave", after(30)),
        ("leave", after(30)),
        ("join", after(420)),
        ("mute", after(420)),
        ("self_unmute", after(420)),
    ]
    assert all(one.is_estimated for one in book.actions)


def test_only_what_would_have_been_heard_of_is_seen_to_go_on() -> None:
    told: list[Event] = [
        Linked(NOON, connected=True),
        Snapshot(NOON, guild(state())),
        Seen(after(30)),
        Outage(after(35), 1),
        Seen(after(60)),
        Snapshot(after(70), guild(state())),
        Linked(after(80), connected=False),
        Seen(after(90)),
        Linked(after(100), connected=True),
        Seen(after(120)),  # snapshots may still follow
        Seen(after(160)),  # none came: it was resumed
    ]
    _, book = heard(*told)
    seen = [(number, one[1]) for number, one in enumerate(book.seen) if one]
    assert seen == [(1, NOON), (2, after(30)), (5, after(70)), (10, after(160))]


def test_sessions_of_an_earlier_run_are_not_seen_before_their_guild_is() -> None:
    before, _ = heard(Linked(NOON, connected=True), Voice(NOON, state()))
    ledger = Ledger(Choice(), before.open_sessions)
    ledger.hear(Linked(after(10), connected=True))
    ledger.hear(Seen(after(300)))
    assert not ledger.take().seen


def test_a_deleted_channel_and_a_left_guild_close() -> None:
    _, book = heard(
        Voice(NOON, state(21)),
        Voice(NOON, state(22, channel_id=12)),
        Voice(NOON, state(23, guild_id=2)),
        ChannelDeleted(after(5), 1, 11),
        Outage(after(6), 2),
        GuildLeft(after(7), 1),
    )
    assert book.spans() == [
        (NOON, after(5), "channel_deleted"),
        (NOON, after(7), "guild_left"),
        (NOON, None, None),
    ]


def test_what_was_torn_is_closed_and_begins_anew_as_an_estimate() -> None:
    _, book = heard(
        Voice(NOON, state(21)), Torn(after(50), 1), Voice(after(60), state(21, mute=True))
    )
    assert book.spans() == [(NOON, NOON, "gap"), (after(60), None, None)]
    assert [one.start_estimated for one in book.begun.values()] == [False, True]


def test_a_name_is_written_once() -> None:
    ledger = Ledger(Choice())
    anna = Member(21, "anna", "Anna")
    ledger.hear(Voice(NOON, state(member=anna)))
    assert list(ledger.take().members) == [(1, 21)]
    ledger.hear(Voice(NOON, state(mute=True, member=anna)))
    assert not ledger.take().members
    ledger.hear(Voice(NOON, state(member=Member(21, "anna", "Annie"))))
    assert ledger.take().members[1, 21].display_name == "Annie"
    ledger.hear(Voice(NOON, state(channel_id=None, member=anna)))
    assert not ledger.take().members


def test_clocks_that_are_set_back_end_nothing_before_it_began() -> None:
    _, book = heard(Voice(after(10), state()), Voice(NOON, state(channel_id=None)))
    assert book.spans() == [(after(10), after(10), "left")]


def test_guilds_that_there_are_no_more_end_their_sessions() -> None:
    ledger = Ledger(Choice())
    ledger.hear(Snapshot(NOON, guild(state())))
    ledger.hear(Snapshot(NOON, guild(state(22, guild_id=2), guild_id=2)))
    ledger.take()
    ledger.hear(Present(after(60), frozenset({1})))
    changes = ledger.take()
    assert [session.member_id for session in ledger.open_sessions] == [21]
    (ended,) = changes.sessions.values()
    assert (ended.ended_at, ended.end_reason, ended.end_estimated) == (NOON, "gap", True)
    assert changes.present == (frozenset({1}), after(60))
