"""The gateway's JSON in our words, whatever servers leave out or add."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notilog.observers.discord import raw
from notilog.observers.voice.heard import Channel, Member, VoiceState

ANN = {"id": "5", "username": "ann", "global_name": "Ann"}
STATE = {
    "guild_id": "1",
    "channel_id": "2",
    "user_id": "5",
    "session_id": "s",
    "member": {"user": ANN, "nick": None},
    "mute": True,
    "deaf": True,
    "self_mute": True,
    "self_deaf": True,
    "self_stream": True,
    "self_video": True,
    "suppress": True,
}

anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


def distorted(whole: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """It, with some fields missing and others replaced by anything."""
    odd = {name: st.just(value) | anything for name, value in whole.items()}
    return st.fixed_dictionaries({}, optional=odd)


GUILD = {
    "id": "1",
    "name": "Guild",
    "afk_channel_id": "3",
    "channels": [
        {"id": "2", "type": 2, "name": "Talk"},
        {"id": "3", "type": 13, "name": "Stage"},
        {"id": "4", "type": 0, "name": "text"},
        {"id": "6", "type": 99, "name": "of tomorrow"},
    ],
    "members": [STATE["member"]],
    "voice_states": [
        {"user_id": "5", "channel_id": "2", "session_id": "s"},
        {"user_id": "7", "channel_id": None, "session_id": "gone"},
        {"channel_id": "2", "session_id": "nobody's"},
    ],
}


def test_a_voice_state_is_taken_whole() -> None:
    assert raw.voice_state(STATE) == VoiceState(
        guild_id=1,
        member_id=5,
        channel_id=2,
        session_id="s",
        mute=True,
        deafen=True,
        self_mute=True,
        self_deafen=True,
        stream=True,
        video=True,
        suppress=True,
        member=Member(5, "ann", "Ann"),
    )


def test_what_is_not_told_is_not_so() -> None:
    least = {"guild_id": 1, "user_id": 5, "mute": None, "self_video": 1}
    assert raw.voice_state(least) == VoiceState(1, 5, None, "")


def test_a_voice_state_without_its_member_is_one() -> None:
    state = raw.voice_state({**STATE, "member": None, "channel_id": None})
    assert state is not None
    assert (state.member, state.channel_id) == (None, None)


def test_a_member_is_told_with_the_guild_where_a_state_names_none() -> None:
    ann = Member(5, "ann", "Ann")
    state = raw.voice_state({"user_id": "5"}, guild_id=1, members={5: ann})
    assert state is not None
    assert state.member == ann


@pytest.mark.parametrize("data", [{**STATE, "guild_id": None}, {"guild_id": "1"}, {}, None, 3])
def test_calls_and_states_of_nobody_are_none_of_ours(data: object) -> None:
    assert raw.voice_state(data) is None


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"user": ANN, "nick": "Annie"}, "Annie"),
        ({"user": ANN, "nick": ""}, "Ann"),
        ({"user": {**ANN, "global_name": None}}, "ann"),
        ({"user": {"id": "5"}}, ""),
    ],
)
def test_members_are_shown_by_the_nearest_of_their_names(told: object, shown: str) -> None:
    member = raw.member(told)
    assert member is not None
    assert member.display_name == shown


def test_bots_are_known_for_what_they_are() -> None:
    assert raw.member({"user": {**ANN, "bot": True}}) == Member(5, "ann", "Ann", is_bot=True)


@pytest.mark.parametrize("kind", [0, 4, 15, 99, None, "2", [], {}])
def test_only_voice_and_stage_channels_count(kind: object) -> None:
    assert raw.channel({"id": "2", "type": kind, "name": "x"}) is None
    assert raw.channel({"id": "2", "type": 2}) == Channel(2, "")
    assert raw.channel({"id": 2, "type": 13, "name": "Stage"}) == Channel(2, "Stage")


def test_a_guild_is_its_voice_channels_and_who_is_in_them() -> None:
    guild = raw.guild(GUILD)
    assert guild is not None
    assert (guild.id, guild.name, guild.afk_channel_id) == (1, "Guild", 3)
    assert guild.channels == (Channel(2, "Talk"), Channel(3, "Stage"))
    assert guild.states == (VoiceState(1, 5, 2, "s", member=Member(5, "ann", "Ann")),)


def test_a_guild_that_is_unavailable_tells_nothing() -> None:
    assert raw.guild({"id": "1", "unavailable": True}) is None


@pytest.mark.parametrize("value", [None, True, "", "x", "1.5", 1.5, [], {}, "9" * 5000])
def test_what_is_no_id_is_none(value: object) -> None:
    assert raw.snowflake(value) is None


CHANNEL = {"id": "2", "type": 2, "name": "Talk"}
MEMBER = {"user": ANN, "nick": "Annie"}
PARTS = {
    "channels": st.lists(distorted(CHANNEL), max_size=3),
    "members": st.lists(distorted(MEMBER), max_size=3),
    "voice_states": st.lists(distorted(STATE), max_size=3),
}
GUILDS = st.builds(
    lambda whole, lists: {**whole, **lists}, distorted(GUILD), st.fixed_dictionaries(PARTS)
)


@given(anything | distorted(CHANNEL) | distorted(MEMBER) | distorted(STATE) | GUILDS)
def test_nothing_that_a_server_sends_makes_it_fail(data: object) -> None:
    for read in (raw.voice_state, raw.member, raw.channel, raw.guild, raw.snowflake):
        read(data)
