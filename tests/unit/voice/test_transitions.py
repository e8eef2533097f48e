"""What a member did between two states."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notilog.observers.voice.reconciling import Difference, reconcile
from notilog.observers.voice.stays import FLAGS, Stay, packed, unpacked
from notilog.observers.voice.transitions import ACTIONS, Change, EndReason, change

HALL, ATTIC = 1, 2
flags = st.frozensets(st.sampled_from(FLAGS))
stays = st.builds(Stay, st.sampled_from([HALL, ATTIC]), st.sampled_from(["s1", "s2"]), flags)
maybe = st.none() | stays
guilds = st.dictionaries(st.integers(1, 6), stays)


def stay(channel_id: int = HALL, session_id: str = "s1", *flags: str) -> Stay:
    return Stay(channel_id, session_id, frozenset(flags))


@pytest.mark.parametrize(
    ("before", "after", "kinds", "closes", "opens"),
    [
        (None, None, [], None, False),
        (None, stay(HALL, "s1", "mute"), ["join"], None, True),
        (stay(), None, ["leave"], "left", False),
        (stay(), stay(), [], None, False),
        (stay(), stay(ATTIC), ["move"], "moved", True),
        (stay(), stay(ATTIC, "s1", "suppress"), ["move", "suppress"], "moved", True),
        (stay(), stay(HALL, "s2"), ["leave", "join"], "replaced", True),
        (stay(), stay(HALL, "s1", "mute", "stream"), ["mute", "stream_start"], None, False),
        (stay(HALL, "s1", "self_deafen"), stay(), ["self_undeafen"], None, False),
        (stay(HALL, "s1", "video"), stay(HALL, "s1", "mute"), ["mute", "video_stop"], None, False),
    ],
)
def test_each_change_is_named(
    before: Stay | None,
    after: Stay | None,
    kinds: list[str],
    closes: EndReason | None,
    opens: bool,  # noqa: FBT001  a parameter of the table
) -> None:
    happened = change(before, after)
    assert [action.kind for action in happened.actions] == kinds
    assert (happened.closes, happened.opens) == (closes, opens)


def test_why_somebody_is_seen_no_more_is_kept() -> None:
    assert change(stay(), None, gone="unwatched").closes == "unwatched"


@given(before=maybe, after=maybe)
def test_a_change_tells_all_and_only_what_differs(before: Stay | None, after: Stay | None) -> None:
    happened = change(before, after)
    assert (happened == Change()) == (before == after)
    assert all(action.kind in ACTIONS for action in happened.actions)
    is_open = (before is not None and happened.closes is None) or happened.opens
    assert is_open == (after is not None)
    if happened.actions and not happened.opens and after is not None:
        assert all(action.after == after for action in happened.actions)


@given(flags=flags)
def test_flags_are_bits(flags: frozenset[str]) -> None:
    assert unpacked(packed(flags)) == flags


def test_a_snapshot_keeps_what_is_the_same_session() -> None:
    opened = {1: stay(), 2: stay(), 3: stay(), 4: stay(), 5: stay()}
    found = {
        1: stay(),
        2: stay(HALL, "s1", "mute"),
        3: stay(ATTIC),
        4: stay(HALL, "s2"),
        6: stay(),
    }
    assert [(one.member_id, one.is_kept) for one in reconcile(opened, found)] == [
        (2, True),
        (3, False),
        (4, False),
        (5, False),
        (6, False),
    ]
    assert reconcile(opened, found)[-1] == Difference(6, None, stay())


@given(opened=guilds, found=guilds)
def test_reconciled_twice_nothing_changes(opened: dict[int, Stay], found: dict[int, Stay]) -> None:
    mended = dict(opened)
    for one in reconcile(opened, found):
        if one.after is None:
            del mended[one.member_id]
        else:
            mended[one.member_id] = one.after
    assert mended == found
    assert reconcile(mended, found) == []
