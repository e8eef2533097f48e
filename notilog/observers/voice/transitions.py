"""What a member did between two states: the actions, and what becomes of the session. Pure."""

from dataclasses import dataclass
from typing import Final, Literal

from notilog.observers.voice.stays import FLAGS, Stay

EndReason = Literal[
    "left", "moved", "replaced", "unwatched", "gap", "channel_deleted", "guild_left"
]
"""Why a session ended.

``replaced``: the member came in with another client. ``unwatched``: they moved to where we do not
look. ``gap``: they were gone, or elsewhere, when we looked again.
"""

_BEGUN: Final = {"stream": "stream_start", "video": "video_start"}
_ENDED: Final = {
    "mute": "unmute",
    "deafen": "undeafen",
    "self_mute": "self_unmute",
    "self_deafen": "self_undeafen",
    "stream": "stream_stop",
    "video": "video_stop",
    "suppress": "unsuppress",
}
BEGUN: Final = {flag: _BEGUN.get(flag, flag) for flag in FLAGS}
ACTIONS: Final = ("join", "leave", "move", *BEGUN.values(), *_ENDED.values())


@dataclass(frozen=True, slots=True)
class Action:
    """What was done, of `ACTIONS`; a leave has nothing after it, a join nothing before."""

    kind: str
    before: Stay | None
    after: Stay | None


@dataclass(frozen=True, slots=True)
class Change:
    """What happened, and what becomes of the open session.

    ``closes`` says why it ends, and with it all its intervals. When ``opens``, another begins, and
    with it intervals of all its flags.
    """

    actions: tuple[Action, ...] = ()
    closes: EndReason | None = None
    opens: bool = False


NOTHING: Final = Change()


def change(before: Stay | None, after: Stay | None, *, gone: EndReason = "left") -> Change:
    """What happened between two states; ``gone`` is why a session ends of whom we see no more."""
    if before is None:
        return NOTHING if after is None else Change((Action("join", None, after),), opens=True)
    if after is None:
        return Change((Action("leave", before, None),), closes=gone)
    if before.channel_id != after.channel_id:
        actions = (Action("move", before, after), *_flag_actions(before, after))
        return Change(actions, closes="moved", opens=True)
    if before.session_id != after.session_id:
        actions = (Action("leave", before, None), Action("join", None, after))
        return Change(actions, closes="replaced", opens=True)
    if before.flags == after.flags:
        return NOTHING
    return Change(_flag_actions(before, after))


def _flag_actions(before: Stay, after: Stay) -> tuple[Action, ...]:
    return tuple(
        Action((BEGUN if flag in after.flags else _ENDED)[flag], before, after)
        for flag in _ordered(before.flags ^ after.flags)
    )


def _ordered(flags: frozenset[str]) -> tuple[str, ...]:
    return tuple(flag for flag in FLAGS if flag in flags)
