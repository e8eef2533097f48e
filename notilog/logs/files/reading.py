"""Finding files and opening them for a caller, who sees no more than their project."""

import errno
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from notilog import config
from notilog.errors import Forbidden, Invalid, NotFound, Unavailable
from notilog.logs.files import live, paths
from notilog.logs.files.folder import Folder
from notilog.logs.files.settings import FilesSettings
from notilog.logs.limits import LogsSettings
from notilog.users.caller import Caller

_NO_FILE: Final = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EISDIR, errno.ENXIO}
)


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file of the folder; ``size`` is in bytes, the name is relative."""

    name: str
    size: int
    modified: datetime
    archived: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A page of files, and the cursor behind which the next one begins."""

    files: list[LogFile]
    next: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A file as it was when it was opened; whoever has it closes ``descriptor``."""

    file: LogFile
    descriptor: int
    tag: str
    """Differs once the content differs."""


def listing(caller: Caller, *, prefix: str, limit: int, cursor: str | None) -> Found:
    """A page of the files that the caller may see, in order of their names; blocks.

    Raises:
        Forbidden: the caller is bound to a project, and files hold several.
        Invalid: the cursor is none of this list.
    """
    settings = config.section(FilesSettings)
    folder = Folder(Path(settings.folder))
    if not _are_on():
        return Found([], None)
    after = None if cursor is None else _place(cursor)
    files: list[LogFile] = []
    for name in _names(folder, _bounds(caller, settings), prefix):
        if after is not None and name.split("/") <= after.split("/"):
            continue
        with suppress(NotFound):  # deleted meanwhile
            files.append(_looked_at(folder, name))
        if len(files) > limit:
            break
    page = files[:limit]
    return Found(page, _cursor(page[-1].name) if len(files) > limit else None)


def opened(caller: Caller, name: str) -> Opened:
    """Open a file; blocks.

    Of a file that is being written it is what whole lines it has by now.

    Raises:
        Forbidden: the caller is bound to another project.
        NotFound: there is no such file.
    """
    settings = config.section(FilesSettings)
    bounds = _bounds(caller, settings)
    if not _are_on():
        raise NotFound("no files are written here: `files` is none of the connectors")
    if not name.startswith(bounds):
        raise Forbidden(f"your token is bound to project {caller.project}")
    descriptor = _opened(Folder(Path(settings.folder)), name)
    try:
        file = _described(name, descriptor)
        state = os.fstat(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return Opened(file, descriptor, f'"{state.st_ino:x}-{state.st_mtime_ns:x}-{file.size:x}"')


def _are_on() -> bool:
    return "files" in config.section(LogsSettings).connectors


def _bounds(caller: Caller, settings: FilesSettings) -> str:
    """How every name begins that the caller may see."""
    if caller.project is None:
        return ""
    own = paths.Template(settings.path).project_folder(caller.project)
    if own is None:
        raise Forbidden("your token is bound to a project, and these files hold several")
    return own


def _names(folder: Folder, bounds: str, prefix: str) -> Iterator[str]:
    """Names that begin with both; only folders that can hold such are read."""
    longest = max(bounds, prefix, key=len)
    below = longest.rpartition("/")[0]
    if below and not paths.is_proper(below):
        return
    try:
        for name in folder.names(below=below):
            if name.startswith(prefix) and name.startswith(bounds):
                yield name
    except OSError as error:
        if error.errno not in _NO_FILE:
            raise _unreadable(error) from error


def _looked_at(folder: Folder, name: str) -> LogFile:
    descriptor = _opened(folder, name)
    try:
        return _described(name, descriptor)
    finally:
        os.close(descriptor)


def _opened(folder: Folder, name: str) -> int:
    if not paths.is_proper(name):
        raise NotFound(f"there is no file {name!r}")
    try:
        return folder.open(name)
    except UnicodeEncodeError as error:
        raise NotFound(f"there is no file {name!r}") from error
    except OSError as error:
        if error.errno not in _NO_FILE and not isinstance(error, IsADirectoryError):
            raise _unreadable(error) from error
        raise NotFound(f"there is no file {name!r}") from error


def _unreadable(error: OSError) -> Unavailable:
    return Unavailable(f"the log files cannot be read: {error.strerror}")


def _described(name: str, descriptor: int) -> LogFile:
    state = os.fstat(descriptor)
    archived = paths.is_archive(name)
    is_live = paths.closed_at(name) is None
    size = live.end_of_lines(descriptor, state.st_size) if is_live else state.st_size
    modified = datetime.fromtimestamp(state.st_mtime, UTC)
    return LogFile(name, size, modified, archived)


def _cursor(name: str) -> str:
    return urlsafe_b64encode(name.encode()).decode()


def _place(cursor: str) -> str:
    try:
        return urlsafe_b64decode(cursor).decode()
    except ValueError as error:
        raise Invalid.field("cursor", "is not a cursor of this list") from error
