"""Where a member is, and how: what a voice state comes down to. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from notilog.observers.voice.heard import VoiceState

FLAGS: Final = ("mute", "deafen", "self_mute", "self_deafen", "stream", "video", "suppress")
"""How somebody may be in a channel; the place of each is its bit in the database."""
MUTED: Final = ("mute", "self_mute")
DEAFENED: Final = ("deafen", "self_deafen")


@dataclass(frozen=True, slots=True)
class Stay:
    """A member's presence in a channel; ``flags`` are of `FLAGS`."""

    channel_id: int
    session_id: str
    flags: frozenset[str] = frozenset()

    def is_same_session(self, other: "Stay") -> bool:
        """Whether the other is this stay, perhaps with other flags."""
        return (self.channel_id, self.session_id) == (other.channel_id, other.session_id)


def stay_of(state: VoiceState) -> Stay | None:
    """Where and how a member is by this state; None when in no channel."""
    if state.channel_id is None:
        return None
    bits = sum(1 << place for place, flag in enumerate(FLAGS) if getattr(state, flag))
    return Stay(state.channel_id, state.session_id, unpacked(bits))


def packed(flags: Iterable[str]) -> int:
    """Flags as the database keeps them: a bit for each."""
    return sum(1 << FLAGS.index(flag) for flag in flags)


@cache
def unpacked(bits: int) -> frozenset[str]:
    """The flags whose bits are set."""
    return frozenset(flag for place, flag in enumerate(FLAGS) if bits >> place & 1)
