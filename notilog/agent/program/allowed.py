"""What the machine's own command line lets the server ask for; without a word of it, everything."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from os.path import realpath
from typing import Final

ANY_DEPTH: Final = "**"


@dataclass(frozen=True, slots=True)
class Allowed:
    """Globs of paths whose files may be read, and of hosts that checks may connect to.

    In a path ``*`` stands for anything but a slash, and ``**`` for folders of any depth. None at
    all means that nothing is forbidden.
    """

    paths: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def may_follow(self, glob: str) -> bool:
        """Whether a rule names nothing beyond these; each file is looked at again by `may_read`."""
        return not self.paths or (".." not in glob.split("/") and self._covers(glob))

    def may_read(self, path: str) -> bool:
        """Whether a file may be read, wherever a link leads to."""
        return not self.paths or self._covers(realpath(path))

    def may_ask(self, host: str) -> bool:
        return not self.hosts or any(
            fnmatchcase(host.lower(), allowed.lower()) for allowed in self.hosts
        )

    def _covers(self, path: str) -> bool:
        return any(_covers(glob.split("/"), path.split("/")) for glob in self.paths)


EVERYTHING: Final = Allowed()


def allowed_of(paths: Sequence[str], hosts: Sequence[str]) -> Allowed:
    """What the command line says.

    Raises:
        ValueError: a path is not one from the root.
    """
    for path in paths:
        if not path.startswith("/") or ".." in path.split("/"):
            raise ValueError(f"--allow-path: a path from the root (/) is expected, not {path}")
    return Allowed(tuple(paths), tuple(hosts))


def _covers(allowed: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether one glob, in parts between slashes, covers another one or a path."""
    reached = _skipped(allowed, {0})
    for part in wanted:
        further = set()
        for place in reached:
            if place == len(allowed):
                continue
            if allowed[place] == ANY_DEPTH:
                further.add(place)
            elif part == allowed[place] or (
                part != ANY_DEPTH and fnmatchcase(part, allowed[place])
            ):
                further.add(place + 1)
        reached = _skipped(allowed, further)
    return len(allowed) in reached


def _skipped(allowed: Sequence[str], places: set[int]) -> set[int]:
    """These places, and those behind each ``**`` there, which may stand for nothing."""
    found = set(places)
    for place in sorted(places):
        behind = place
        while behind < len(allowed) and allowed[behind] == ANY_DEPTH:
            behind += 1
            found.add(behind)
    return found
