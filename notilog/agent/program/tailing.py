"""Following files by globs: which there are, whose turn it is, and the position behind all of it.

Everything here runs in one thread; nothing is written but what `saved` gives to the journal.
"""

import glob
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic
from typing import Any, Final

from notilog.agent.program.allowed import EVERYTHING, Allowed
from notilog.agent.program.lane import Lane
from notilog.agent.program.lines_of_files import Key
from notilog.agent.program.records import Stamper
from notilog.agent.program.rotated import COMPRESSED, entry_of
from notilog.agent.program.settings import FileRule

LOOK_EVERY: Final = 0.5
"""Seconds between looks for new and rotated files."""
SPARED: Final = 10
"""A look that takes long is made no sooner than after so many times its own time."""
MOST_LOGS: Final = 1000
"""Logs that are followed at once."""

Add = Callable[[bytes], bool]
"""Takes a record for the batch; False when there is no room for it."""


class Tailing:
    """All files that the settings name.

    Args:
        stamper: makes records of lines.
        say: told what was lost or is too much: a subject and a text.
        allowed: which files may be read.
    """

    def __init__(
        self, stamper: Stamper, say: Callable[[str, str], None], allowed: Allowed = EVERYTHING
    ) -> None:
        self._stamper = stamper
        self._say = say
        self._allowed = allowed
        self._rules: Sequence[FileRule] = ()
        self._known: set[Key] = set()
        self._lanes: dict[str, Lane] = {}
        self._rule_of: dict[str, FileRule] = {}
        self._globs: dict[str, str] = {}
        self._look_at = float("-inf")
        self._turn = 0

    def restore(self, saved: Sequence[Mapping[str, Any]]) -> None:
        """Go on where the position says."""
        for one in saved:
            lane = self._new_lane(one["path"])
            self._globs[lane.path] = one["glob"]
            lane.restore(one["files"])
            self._lanes[lane.path] = lane

    def saved(self) -> list[dict[str, Any]]:
        """The position behind the last line that was added."""
        return [
            {"path": path, "glob": self._globs.get(path, path), "files": lane.saved()}
            for path, lane in self._lanes.items()
        ]

    def follow(self, rules: Sequence[FileRule]) -> None:
        """Follow other files from now on; what was read of the former ones stays known."""
        self._rules = rules
        self._rule_of = {}
        self._look_at = float("-inf")

    def look(self) -> bool:
        """Find new and rotated files, if it is time; whether the position should be kept."""
        began = monotonic()
        if began < self._look_at:
            return False
        changed = self._find()
        self._look_at = began + max(LOOK_EVERY, SPARED * (monotonic() - began))
        return changed

    def _find(self) -> bool:
        matched = self._matched()
        changed = False
        for path, lane in list(self._lanes.items()):
            changed |= lane.watch(matched=matched.__contains__)
            if lane.is_over and entry_of(path) is None:
                del self._lanes[path]
        for path in matched:
            if path not in self._lanes:
                changed |= self._begin(path)
        self._rule_of = self._ruled(matched)
        return changed

    def read(self, add: Add, most: int) -> int:
        """Add lines, a few of each log in turn, until nothing is left or ``add`` refuses.

        Returns:
            how many lines were passed, with those that have nothing to tell.
        """
        ruled = [path for path in self._lanes if path in self._rule_of]
        self._turn = (self._turn + 1) % max(1, len(ruled))
        added = 0
        for path in ruled[self._turn :] + ruled[: self._turn]:
            if added >= most:
                break
            count, has_room = self._read(path, add, most - added)
            added += count
            if not has_room:
                break
        return added

    def files(self) -> Iterator[tuple[str, int, int]]:
        """Path, offset and lag (bytes) of each file that is written."""
        for path, lane in self._lanes.items():
            if path in self._rule_of and lane.files:
                newest = lane.files[-1]
                yield _shown(path), newest.offset, sum(file.lag for file in lane.files)

    def close(self) -> None:
        for lane in self._lanes.values():
            lane.close()

    def _read(self, path: str, add: Add, most: int) -> tuple[int, bool]:
        try:
            found = self._lanes[path].lines(most)
        except OSError as error:
            self._say(path, f"{path} cannot be read: {error}")
            return 0, True
        if found is None:
            return 0, True
        file, lines = found
        rule, count, last, has_room = self._rule_of[path], 0, None, True
        place = {
            "level": rule.level,
            "project": rule.project,
            "module": rule.module or _name_of(_shown(path)),
        }
        for line in lines:
            if line.text:
                attrs = {"file": _shown(path), "offset": line.start}
                has_room = add(
                    self._stamper.record(line.text, place, attrs=attrs, is_cut=line.is_cut)
                )
                if not has_room:
                    break
            count += 1
            last = line
        if last is not None:
            file.move(last)
        return count, has_room

    def _begin(self, path: str) -> bool:
        entry = entry_of(path)
        if entry is None or entry.key in self._known:
            return False
        if any(lane.is_copy(path) for lane in self._lanes.values()):
            return False  # of a log that is about to be truncated; then it is known
        if len(self._lanes) >= MOST_LOGS:
            self._say("files", f"more than {MOST_LOGS} files match; the others are not followed")
            return False
        lane = self._new_lane(path)
        lane.watch(matched=lambda _path: True)
        if lane.is_over:
            self._say(path, f"{path} cannot be read")
            return False
        self._lanes[path] = lane
        return True

    def _new_lane(self, path: str) -> Lane:
        return Lane(path, self._known, lambda text: self._say(path, text))

    def _matched(self) -> dict[str, FileRule]:
        matched: dict[str, FileRule] = {}
        for rule in self._rules:
            for path in sorted(glob.glob(rule.path, recursive=True)):  # noqa: PTH207  texts
                if not path.endswith(COMPRESSED) and self._may_read(path):
                    matched.setdefault(path, rule)
        return matched

    def _may_read(self, path: str) -> bool:
        if self._allowed.may_read(path):
            return True
        self._say(path, f"{path} is not read: --allow-path does not name it")
        return False

    def _ruled(self, matched: Mapping[str, FileRule]) -> dict[str, FileRule]:
        """The rule of each log; one that is being rotated has no file to match just now."""
        by_glob = {rule.path: rule for rule in reversed(self._rules)}
        ruled = {}
        for path in self._lanes:
            rule = matched.get(path) or by_glob.get(self._globs.get(path, ""))
            if rule is not None and self._may_read(path):
                ruled[path] = rule
                self._globs[path] = rule.path
        return ruled


def _shown(path: str) -> str:
    """The path as text: the names of files need not be UTF-8."""
    return path.encode(errors="backslashreplace").decode()[:2000]


def _name_of(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0][:200] or "file"
