"""Whom an observer records, and what that makes of those who come and go."""

import pytest

from notilog.observers.voice.choosing import Choice, reason_gone
from notilog.observers.voice.heard import VoiceState
from notilog.observers.voice.transitions import change

GUILD, HALL, ATTIC, ANNA, BEN = 1, 2, 3, 10, 11


def state(member_id: int = ANNA, channel_id: int | None = HALL) -> VoiceState:
    return VoiceState(GUILD, member_id, channel_id, "s1")


@pytest.mark.parametrize(
    ("targets", "ignored", "watched"),
    [
        ([], [], True),
        ([GUILD], [], True),
        ([HALL], [], True),
        ([ANNA], [], True),
        ([BEN, ATTIC], [], False),
        ([BEN, HALL], [], True),
        ([], [GUILD], False),
        ([], [HALL], False),
        ([ANNA], [ANNA], False),
        ([ANNA], [HALL], False),
        ([GUILD], [ATTIC, BEN], True),
    ],
)
def test_ignored_beats_targeted_and_no_targets_are_all(
    targets: list[int],
    ignored: list[int],
    watched: bool,  # noqa: FBT001  a parameter of the table
) -> None:
    choice = Choice(frozenset(targets), frozenset(ignored))
    assert choice.watches(GUILD, HALL, ANNA) is watched
    assert (choice.seen(state(), opted_out=()) is not None) is watched


def test_who_opted_out_is_nowhere() -> None:
    choice = Choice(frozenset({ANNA}))
    assert choice.seen(state(), opted_out=frozenset({ANNA})) is None
    assert choice.seen(state(channel_id=None), opted_out=()) is None


def test_where_nobody_looks_is_outside() -> None:
    choice = Choice(ignored=frozenset({ATTIC}))
    inside = choice.seen(state(), opted_out=())
    away = choice.seen(state(channel_id=ATTIC), opted_out=())
    gone = change(inside, away, gone=reason_gone(state(channel_id=ATTIC)))
    assert ([action.kind for action in gone.actions], gone.closes) == (["leave"], "unwatched")
    assert gone.actions[0].after is None, "where they went is not told"
    assert [action.kind for action in change(away, inside).actions] == ["join"]
    assert reason_gone(state(channel_id=None)) == "left"


def test_names_are_kept_of_what_is_not_ignored() -> None:
    choice = Choice(frozenset({ANNA}), frozenset({ATTIC}))
    assert choice.names(GUILD)
    assert choice.names(GUILD, HALL)
    assert not choice.names(GUILD, ATTIC)
    assert not Choice(ignored=frozenset({GUILD})).names(GUILD, HALL)
