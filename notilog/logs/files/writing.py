"""Writing records to their files, in their formats: one append a file for all that came at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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


class Unwritten(Exception):
    """The records at these ``places`` of all are in no file."""

    def __init__(self, reason: str, places: Sequence[int]) -> None:
        super().__init__(reason)
        self.places = places


@dataclass(slots=True)
class _Share:
    """What goes into one file: lines, and the places of their records among all."""

    lines: list[bytes] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    @property
    def data(self) -> bytes:
        return b"".join(self.lines)


class Writer:
    """Writes as the settings say; blocks, so it belongs into a thread. Any number may write."""

    def __init__(self, settings: FilesSettings) -> None:
        self._settings = settings
        self._folder = Folder(Path(settings.folder))
        self._template = paths.Template(settings.path)
        self._formats = Formats(settings.format, settings.formats)

    def write(self, records: Sequence[StoredRecord], *, now: datetime) -> None:
        """Add every record to its file, in their order; a file that fails stops no other.

        Raises:
            Unwritten: the records of some files are not there: the disk is full or broken, another
                process holds a file, or a link lies where a folder should be.
            Unavailable: the disk is as full as it may be, and nothing was written.
        """
        shares = self._shares(records)
        self._check_room(sum(len(share.data) for share in shares.values()))
        failed: list[int] = []
        failure: Exception | None = None
        for name, share in shares.items():
            try:
                self._append(name, share.data, now=now)
            except (OSError, Unavailable) as error:
                failure = failure or error
                failed += share.places
        if failure is not None:
            raise Unwritten(str(failure), failed) from failure

    def _append(self, name: str, data: bytes, *, now: datetime) -> None:
        with live.held(self._folder, name) as file:
            if is_due(file, len(data), settings=self._settings, now=now):
                file.close(now=now)
            file.append(data, now=now)

    def _shares(self, records: Sequence[StoredRecord]) -> dict[str, "_Share"]:
        readers = [_READERS[field] for field in self._template.fields]
        known = live.keys(self._folder)
        files: dict[str, _Share] = {}
        found: dict[Values, _Share] = {}
        for place, record in enumerate(records):
            values = tuple([read(record) for read in readers])
            share = found.get(values)
            if share is None:
                name = self._name(values, record.project, known)
                share = found[values] = files.setdefault(name, _Share())
            share.lines.append(self._formats.line(record))
            share.places.append(place)
        return files

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
