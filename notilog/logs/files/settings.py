"""Settings of the files that records are written to."""

import re
from typing import ClassVar, Final, Literal

from pydantic import Field, SecretStr, field_validator

from notilog.config import Section
from notilog.logs.files import formats, paths

MIB: Final = 1024 * 1024
GIB: Final = 1024 * MIB
_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~\w-]+):\s*([\x21-\x7e][\x20-\x7e]*)", re.ASCII)


class FilesSettings(Section):
    """Records as files on disk, while ``files`` is one of the connectors."""

    section: ClassVar[str] = "logs.files"

    folder: str = Field(
        "logs", min_length=1, description="where they lie; the API and every worker need it"
    )
    path: str = Field(
        "{project}/{module}.log",
        description=f"a file's place in the folder; of {', '.join(paths.FIELDS)}",
    )
    format: str = Field(
        "json", description="json, tab, or a line such as {ts} {level:8} {module}: {message}"
    )
    formats: dict[str, str] = Field(
        {}, description="other formats, by module or project/module; as JSON"
    )
    max_files: int = Field(
        1_000, ge=1, le=100_000, description="files being written; further records share one"
    )
    switch_bytes: int = Field(
        64 * MIB, ge=0, description="size from which a new file is begun; 0 for any size"
    )
    switch_hours: float = Field(
        24.0, ge=0, le=24 * 365, description="age from which a new file is begun; 0 for any age"
    )
    compress_level: int = Field(
        6, ge=0, le=19, description="of zstd, for files that are closed; 0 leaves them as they are"
    )
    delete_days: float = Field(
        0.0, ge=0, description="days after which a closed file is deleted; 0 keeps them"
    )
    delete_bytes: int = Field(
        0, ge=0, description="what closed files may take, the oldest go; 0 for any size"
    )
    keep_free_bytes: int = Field(
        GIB, ge=0, description="free space of the disk that is never written to"
    )
    push_url: SecretStr = Field(
        SecretStr(""), description="where closed files are sent; {name} in it stands for the file"
    )
    push_method: Literal["POST", "PUT"] = Field("POST", description="POST or PUT")
    push_header: SecretStr = Field(
        SecretStr(""), description="a header to send along, such as Authorization: Bearer …"
    )
    push_allow_private: bool = Field(False, description="permit a target with a private address")
    push_timeout: float = Field(60.0, gt=0, le=3600, description="seconds a file may take")

    @field_validator("path")
    @classmethod
    def _leads_inside(cls, value: str) -> str:
        paths.Template(value)
        return value

    @field_validator("format")
    @classmethod
    def _is_known(cls, value: str) -> str:
        formats.renderer(value)
        return value

    @field_validator("formats")
    @classmethod
    def _are_known(cls, value: dict[str, str]) -> dict[str, str]:
        for spec in value.values():
            formats.renderer(spec)
        return value

    @field_validator("push_header")
    @classmethod
    def _is_a_header(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not _HEADER.fullmatch(value.get_secret_value()):
            raise ValueError("must be a name, a colon and a value, in ASCII")
        return value

    def header(self) -> dict[str, str]:
        """The header to send along; nothing unless one is set."""
        found = _HEADER.fullmatch(self.push_header.get_secret_value())
        return {found[1]: found[2]} if found else {}
