"""Files of log records as the API shows them."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from notilog.logs.files import reading

_BYTES = {"schema": {"type": "string", "format": "binary"}}
_CONTENT = {"text/plain": _BYTES, "application/zstd": _BYTES}
SENT_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file as it is now", "content": _CONTENT},
    206: {"description": "The bytes that were asked for", "content": _CONTENT},
}


class LogFile(BaseModel):
    """A file in the folder of the connector `files`."""

    name: str = Field(examples=["shop/cart@20260120T101500Z-001.log.zst"])
    size: int = Field(description="bytes", examples=[18_240])
    modified: datetime
    archived: bool = Field(description="whether it is compressed, and will not change any more")

    @classmethod
    def of(cls, file: reading.LogFile) -> Self:
        return cls(name=file.name, size=file.size, modified=file.modified, archived=file.archived)
