"""What must have happened while nobody looked: open sessions against a snapshot. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from notilog.observers.voice.stays import Stay


@dataclass(frozen=True, slots=True)
class Difference:
    """A member who is not as we had them.

    Who `is_kept` goes on in the same session with other flags. Of everybody else the session of
    ``before`` ends when they were last seen, for the gap, and one of ``after`` begins at the
    snapshot; both times are estimates.
    """

    member_id: int
    before: Stay | None
    after: Stay | None

    @property
    def is_kept(self) -> bool:
        return (
            self.before is not None
            and self.after is not None
            and self.before.is_same_session(self.after)
        )


def reconcile(opened: Mapping[int, Stay], found: Mapping[int, Stay]) -> list[Difference]:
    """The differences between the open sessions of a guild and a snapshot of it, by member."""
    members = [*opened, *(member for member in found if member not in opened)]
    pairs = ((member, opened.get(member), found.get(member)) for member in members)
    return [Difference(member, *pair) for member, *pair in pairs if pair[0] != pair[1]]
