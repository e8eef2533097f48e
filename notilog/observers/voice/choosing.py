"""Whom and what an observer records. Pure.

Where it does not look, nobody is: who moves there has left, and who comes from there joins.
"""

from collections.abc import Collection
from dataclasses import dataclass

from notilog.observers.voice.heard import VoiceState
from notilog.observers.voice.stays import Stay, stay_of
from notilog.observers.voice.transitions import EndReason


@dataclass(frozen=True, slots=True)
class Choice:
    """Snowflakes of guilds, channels or members; no targets are all, ignored beats targeted."""

    targets: frozenset[int] = frozenset()
    ignored: frozenset[int] = frozenset()

    def watches(self, guild_id: int, channel_id: int, member_id: int) -> bool:
        """Whether this member is recorded in this channel."""
        ids = (guild_id, channel_id, member_id)
        if any(each in self.ignored for each in ids):
            return False
        return not self.targets or any(each in self.targets for each in ids)

    def names(self, guild_id: int, channel_id: int | None = None) -> bool:
        """Whether names of a guild or channel are kept, since somebody may be recorded there."""
        return guild_id not in self.ignored and channel_id not in self.ignored

    def seen(self, state: VoiceState, *, opted_out: Collection[int]) -> Stay | None:
        """Where a member is as far as we record it."""
        stay = stay_of(state)
        if stay is None or state.member_id in opted_out:
            return None
        watched = self.watches(state.guild_id, stay.channel_id, state.member_id)
        return stay if watched else None


def reason_gone(state: VoiceState) -> EndReason:
    """Why a session ends of somebody whom we see no more by this state."""
    return "left" if state.channel_id is None else "unwatched"
