"""Writing records to their files, in their formats: one append a file for all that came at once."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from notilog.errors import Unavailable
from notilog.logs import levels
from notilog.logs.files import live, paths
from notilog.logs.files.folder import Folder
from notilog.logs.files.formats import Formats
from notilog.logs.files.live import LiveFile
from notilog.logs.files.settings import FilesSettings
from notilog.logs.stored import StoredRecord

Values = tuple[str | None, ...]

_READERS: Final[dict[str, Callable[[StoredRecord], str | None]]] = {
    "project": lambda record: record.project,
    "module": lambda record: record.module,
    "level": lambda record: levels.NAMES.get(record.level, str(record.level)),
    "host": lambda record: record.host,
    "service": lambda record: record.service,
    "environment": lambda record: record.environment,
    "logger": lambda record: record.logger,
    "date": lambda record: record.ts.astimezone(UTC).date().isoformat(),
}


class Writer:
    """Writes as the settings say; blocks, so it belongs into a thread. Any number may write."""

    def __init__(self, settings: FilesSettings) -> None:
        self._settings = settings
        self._folder = Folder(Path(settings.folder))
        self._template = paths.Template(settings.path)
        self._formats = Formats(settings.format, settings.formats)

    def write(self, records: Sequence[StoredRecord], *, now: datetime) -> None:
        """Add every record to its file, in their order.

        What fails may have been written in part: to some of the files all that belongs there, to
        the others nothing.

        Raises:
            Unavailable: the disk is as full as it may be, or a file is held by another process.
            OSError: the disk is full or broken, or a link lies where a folder should be.
        """
        lines = self._lines(records)
        self._check_room(sum(map(len, lines.values())))
        for name, data in lines.items():
            with live.held(self._folder, name) as file:
                if is_due(file, len(data), settings=self._settings, now=now):
                    file.close(now=now)
                file.append(data, now=now)

    def _lines(self, records: Sequence[StoredRecord]) -> dict[str, bytes]:
        readers = [_READERS[field] for field in self._template.fields]
        known = live.keys(self._folder)
        files: dict[str, list[bytes]] = {}
        found: dict[Values, list[bytes]] = {}
        for record in records:
            values = tuple([read(record) for read in readers])
            lines = found.get(values)
            if lines is None:
                name = self._name(values, record.project, known)
                lines = found[values] = files.setdefault(name, [])
            lines.append(self._formats.line(record))
        return {name: b"".join(lines) for name, lines in files.items()}

    def _name(self, values: Values, project: str, known: set[str]) -> str:
        """The file for these values, or a shared one where theirs would be one too many."""
        most = self._settings.max_files
        own = self._template.name(values)
        of_project = self._template.project_folder(project)
        if _has_place(own, known, most):
            return own
        if of_project is not None and _has_place(of_project + paths.OTHER, known, 2 * most):
            return of_project + paths.OTHER
        return paths.OTHER

    def _check_room(self, size: int) -> None:
        kept = self._settings.keep_free_bytes
        if kept and self._folder.free() - size < kept:
            raise Unavailable(
                f"the disk of {self._settings.folder} has less than {kept} bytes free"
            )


def is_due(file: LiveFile, adding: int = 0, *, settings: FilesSettings, now: datetime) -> bool:
    """Whether a new file is to be begun before so many bytes are added."""
    size = file.size()
    if not size:
        return False
    too_large = 0 < settings.switch_bytes < size + adding
    age = timedelta(seconds=now.timestamp() - file.begun_at)
    return too_large or 0 < settings.switch_hours <= age / timedelta(hours=1)


def _has_place(name: str, known: set[str], most: int) -> bool:
    key = live.key(name)
    if key in known:
        return True
    if len(known) >= most:
        return False
    known.add(key)
    return True
