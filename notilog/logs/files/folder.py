"""The folder of the files: everything below it is opened step by step, following no link.

A link inside the folder, whoever made it, is refused, so nothing is read or written outside.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

TEMPORARY: Final = ".tmp"
_STEP: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FOLDER_MODE: Final = 0o750
_FILE_MODE: Final = 0o640


class Folder:
    """Names are relative, with ``/`` between their parts.

    Raises, whatever is asked: OSError (ELOOP, ENOTDIR: a link is in the way).
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def inside(self, folder: str, *, make: bool = False) -> Iterator[int]:
        """The descriptor of a folder (``""`` is the root) while the block runs."""
        if make:
            self.root.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        at = os.open(self.root, _STEP)
        try:
            for part in filter(None, folder.split("/")):
                below = _step(at, part, make=make)
                os.close(at)
                at = below
            yield at
        finally:
            os.close(at)

    def open(self, name: str, flags: int = os.O_RDONLY, *, make: bool = False) -> int:
        """The descriptor of a regular file.

        Raises:
            IsADirectoryError: it is something else.
        """
        folder, _, part = name.rpartition("/")
        extra = os.O_CREAT if make else 0
        with self.inside(folder, make=make) as at:
            # A FIFO in its place would hold up whoever opens it.
            safe = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            descriptor = os.open(part, flags | extra | safe, _FILE_MODE, dir_fd=at)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise IsADirectoryError(f"{name} is not a file")
        return descriptor

    def exists(self, name: str) -> bool:
        folder, _, part = name.rpartition("/")
        try:
            with self.inside(folder) as at:
                os.stat(part, dir_fd=at, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def rename(self, name: str, to: str) -> None:
        """Give a file another name in the same folder; what had it before is replaced."""
        folder, _, part = name.rpartition("/")
        with self.inside(folder) as at:
            os.rename(part, to.rpartition("/")[2], src_dir_fd=at, dst_dir_fd=at)

    def remove(self, name: str) -> None:
        """Delete a file, unless it is gone already."""
        folder, _, part = name.rpartition("/")
        with suppress(FileNotFoundError), self.inside(folder) as at:
            os.unlink(part, dir_fd=at)

    @contextmanager
    def replacing(self, name: str) -> Iterator[int]:
        """A new file that takes the name once it is complete and on disk, or never."""
        temporary = beside(name, f"{TEMPORARY}-{token_hex(6)}")
        descriptor = self.open(temporary, os.O_WRONLY | os.O_EXCL, make=True)
        try:
            yield descriptor
            os.fsync(descriptor)
            self.rename(temporary, name)
        except BaseException:
            self.remove(temporary)
            raise
        finally:
            os.close(descriptor)
        self.settle(name)

    def settle(self, name: str) -> None:
        """Have the disk know what names the folder of this one holds."""
        with self.inside(name.rpartition("/")[0]) as at:
            os.fsync(at)

    def names(self, *, below: str = "", hidden: bool = False) -> Iterator[str]:
        """The names of regular files in order of their parts, or else only of the hidden ones."""
        try:
            with self.inside(below) as at, os.scandir(at) as found:
                entries = sorted((one.name, _is_folder(one)) for one in found)
        except (FileNotFoundError, NotADirectoryError):
            return  # removed meanwhile
        for part, is_folder in entries:
            name = f"{below}/{part}" if below else part
            if is_folder is None:
                continue
            if is_folder and not part.startswith("."):
                yield from self.names(below=name, hidden=hidden)
            elif not is_folder and part.startswith(".") == hidden:
                yield name

    def free(self) -> int:
        """Bytes that may still be written to the disk."""
        with self.inside("", make=True) as at:
            disk = os.fstatvfs(at)
        return disk.f_bavail * disk.f_frsize


def beside(name: str, ending: str) -> str:
    """The name of a hidden file that belongs to another one."""
    folder, slash, part = name.rpartition("/")
    return f"{folder}{slash}.{part}{ending}"


def _is_folder(entry: "os.DirEntry[str]") -> bool | None:
    """Whether it is a folder; None of a link and whatever else is no file."""
    if entry.is_dir(follow_symlinks=False):
        return True
    return False if entry.is_file(follow_symlinks=False) else None


def _step(at: int, part: str, *, make: bool) -> int:
    try:
        return os.open(part, _STEP | os.O_NOFOLLOW, dir_fd=at)
    except FileNotFoundError:
        if not make:
            raise
    with suppress(FileExistsError):
        os.mkdir(part, _FOLDER_MODE, dir_fd=at)
    return os.open(part, _STEP | os.O_NOFOLLOW, dir_fd=at)
