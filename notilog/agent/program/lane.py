"""One log over all its rotations: its files in the order in which they were written.

The last file is the one that is written; those before it were rotated away and are read to their
end first. Rotation is noticed by what is on the disk, so it may have happened any number of times
while nobody looked:

- by renaming: the path has another inode. The file that was read is found by its inode, those
  that came after it by their rotated names.
- by copying and truncating: the content is not the one that was read. It goes on in whichever
  rotated file begins with the same bytes and has the same ones before the offset.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePath
from time import monotonic
from typing import Any, Final

from notilog.agent.program.lines_of_files import (
    Followed,
    Key,
    Line,
    Print,
    Saved,
    Truncated,
    begins_like,
    saved_of,
)
from notilog.agent.program.rotated import (
    Entry,
    entries_of,
    entry_of,
    is_rotated,
    newer_than,
    number_of,
)

LAST_LINE_WAITS: Final = 30.0
"""Seconds that the last line of a file may lack its end before it is taken as it is."""
ROTATED_LINE_WAITS: Final = 5.0
"""The same for a file that was rotated away."""
WATCHED_ON: Final = 60.0
"""Seconds without news after which a rotated file is watched no more."""
DELETED_WATCHED_ON: Final = 5.0


@dataclass(slots=True)
class _Member:
    """A file of a lane, and since when (monotonic seconds) it has not grown."""

    file: Followed
    quiet_since: float = field(default_factory=monotonic)


class Lane:
    """The files of the log at one path.

    Args:
        path: where the log is written.
        known: which files are followed already, by any lane.
        say: told what was lost.
    """

    def __init__(self, path: str, known: set[Key], say: Callable[[str], None]) -> None:
        self.path = path
        self._known = known
        self._say = say
        self._members: list[_Member] = []
        self._before: Saved | None = None
        """What was read before the first member, where that is not there any more."""

    @property
    def files(self) -> "list[Followed]":
        return [member.file for member in self._members]

    @property
    def is_over(self) -> bool:
        return not self._members

    def saved(self) -> list[dict[str, Any]]:
        return [member.file.saved.as_json() for member in self._members]

    def restore(self, saved: Sequence[dict[str, Any]]) -> None:
        """Find again what was followed when the positions were kept, and what came after it."""
        for one in map(saved_of, saved):
            found = self._found_again(one) or self._copy_of(one.print, one.goes_on)
            if found is not None:
                found.changed_ns = one.changed_ns  # as of then: what came later was never seen
                self._add(found)
                self._before = None
                continue
            self._before = one
        if self._before is not None:
            self._say(f"{self._before.path} is gone, and what was not read of it is lost")

    def watch(self, *, matched: Callable[[str], bool]) -> bool:
        """Look for rotation; whether anything is different now.

        Args:
            matched: whether the path is one of a log by itself.
        """
        changed = self._forget(matched)
        changed |= self._follow_names()
        changed |= self._admit_before_empty()
        self._check_newest()
        entry = entry_of(self.path)
        if entry is not None and entry.key in self._known:
            return changed
        before = len(self._members)
        for missed in self._missed():
            self._open(missed.path)
        if entry is not None:
            self._open(self.path)
        return changed or len(self._members) > before

    def lines(self, most: int) -> "tuple[Followed, Sequence[Line]] | None":
        """The next lines of the oldest file that has any, or None."""
        now = monotonic()
        for member in list(self._members):
            is_last = member is self._members[-1]
            try:
                found = self._lines(member, most, now=now, is_last=is_last)
            except Truncated:
                self._begun_anew(member)
                return None
            if found:
                return member.file, found
            if not is_last and member.file.lag:
                return None  # its last line has no end yet; what comes after it waits
        return None

    def is_copy(self, path: str) -> bool:
        """Whether the file seems to be a copy of one of these, perhaps not a whole one yet."""
        if not is_rotated(path, self.path):
            return False
        return any(begins_like(path, file.head) for file in self.files if not file.is_unseen)

    def close(self) -> None:
        for member in list(self._members):
            self._drop(member)

    def _lines(self, member: _Member, most: int, *, now: float, is_last: bool) -> Sequence[Line]:
        file = member.file
        unseen, changed_ns = file.is_unseen, file.changed_ns
        if file.look():
            member.quiet_since = now
            if unseen and is_last and self._admit_missed(changed_ns):
                return ()
        if not file.lag:
            file.check()  # it may have been begun anew with the same length
            return ()
        patience = LAST_LINE_WAITS if is_last else ROTATED_LINE_WAITS
        return file.peek(most, is_final=now - member.quiet_since > patience)

    def _begun_anew(self, member: _Member) -> None:
        """The content that was read is in a copy, or gone; the file is read from its beginning."""
        was_last = member is self._members[-1]
        before, head = member.file.saved, member.file.head
        self._drop(member)
        if not was_last:
            return
        copy = self._copy_of(before.print, before.goes_on)
        if copy is not None:
            self._add(copy)
        else:
            self._before = before
            self._pass_over_copies(head, before.print.offset)
        entry = entry_of(self.path)
        for missed in self._missed():
            self._open(missed.path)
        if entry is not None and entry.key not in self._known:
            self._open(self.path)

    def _check_newest(self) -> None:
        """It may have been begun anew, and then renamed: its content comes before all others."""
        if not self._members:
            return
        newest = self._members[-1]
        try:
            newest.file.check()
        except Truncated:
            self._begun_anew(newest)

    def _found_again(self, one: Saved) -> Followed | None:
        at_path = entry_of(one.path)
        if at_path is None or at_path.key != one.key:
            named = [entry.path for entry in self._entries() if entry.key == one.key]
            if not named:
                return None
            path = named[0]
        else:
            path = one.path
        if one.key in self._known:
            return None
        with suppress(OSError, Truncated):
            return Followed(path, known=one.print, goes_on=one.goes_on)
        return None

    def _copy_of(self, content: Print, goes_on: bool) -> Followed | None:  # noqa: FBT001
        """A rotated file that has the content up to the offset, if there was any."""
        if not content.head[0]:
            return None
        for entry in self._rotated():
            if entry.size >= max(content.offset, content.head[0]):
                with suppress(OSError, Truncated):
                    return Followed(entry.path, known=content, goes_on=goes_on)
        return None

    def _pass_over_copies(self, head: bytes, offset: int) -> None:
        """A copy that was made before the last lines were written, and read, has nothing new."""
        for entry in self._rotated():
            if 0 < entry.size < offset and begins_like(entry.path, head):
                with suppress(OSError):
                    file = Followed(entry.path)
                    file.move_to_end()
                    self._add(file)

    def _missed(self) -> Sequence[Entry]:
        """Rotated files that were written after what is followed, and were never seen."""
        self._follow_names()
        if self._members:
            last = self._members[-1].file
            path, changed_ns = last.path, last.changed_ns
        elif self._before is not None:
            path, changed_ns = self.path, self._before.changed_ns
        else:
            return ()
        return newer_than(self._rotated(), self.path, path=path, changed_ns=changed_ns)

    def _admit_missed(self, changed_ns: int) -> bool:
        """Files that came and went while the newest one was empty have their place before it.

        Args:
            changed_ns: when it was last written, as it was empty.
        """
        if not self._members or not self._members[-1].file.is_unseen:
            return False
        self._follow_names()
        newest = self._members.pop()
        before = len(self._members)
        if self._members:
            missed = self._missed()
        else:
            missed = newer_than(self._rotated(), self.path, path=self.path, changed_ns=changed_ns)
        number = number_of(newest.file.path, self.path)
        for one in missed:
            own = number_of(one.path, self.path)
            if number is None or own is None or own > number:
                self._open(one.path)
        self._members.append(newest)
        return len(self._members) > before + 1

    def _admit_before_empty(self) -> bool:
        return bool(self._members) and self._admit_missed(self._members[-1].file.changed_ns)

    def _follow_names(self) -> bool:
        """Rotation goes by numbers, so they must be those of now."""
        renamed = [self._renamed(member.file) for member in self._members]
        return True in renamed

    def _renamed(self, file: Followed) -> bool:
        entry = entry_of(file.path)
        if entry is not None and entry.key == file.key:
            return False
        for entry in self._entries():
            if entry.key == file.key and entry.path != file.path:
                file.path = entry.path
                return True
        return False

    def _forget(self, matched: Callable[[str], bool]) -> bool:
        """Let go of rotated files that are read and quiet, and that nobody finds anew."""
        now = monotonic()
        before = len(self._members)
        for member in list(self._members):
            quiet = now - member.quiet_since
            if member.file.lag:
                continue
            if member.file.is_deleted:
                if quiet > DELETED_WATCHED_ON:
                    self._before = member.file.saved
                    self._drop(member)
            elif (
                member is not self._members[-1]
                and quiet > WATCHED_ON
                and not matched(member.file.path)
            ):
                self._drop(member)
        return len(self._members) < before

    def _rotated(self) -> "list[Entry]":
        return [
            entry
            for entry in self._entries()
            if entry.key not in self._known and is_rotated(entry.path, self.path)
        ]

    def _entries(self) -> "list[Entry]":
        return entries_of(str(PurePath(self.path).parent))

    def _open(self, path: str) -> None:
        with suppress(OSError, Truncated):
            file = Followed(path)
            if file.key in self._known:
                file.close()
            else:
                self._add(file)

    def _add(self, file: Followed) -> None:
        self._known.add(file.key)
        self._members.append(_Member(file))

    def _drop(self, member: _Member) -> None:
        self._members.remove(member)
        self._known.discard(member.file.key)
        member.file.close()
