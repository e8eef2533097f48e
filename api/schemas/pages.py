"""The shape that every list shares."""

from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

ItemT = TypeVar("ItemT")


class Page(BaseModel, Generic[ItemT]):
    """Some of the items, and where the next ones begin."""

    items: list[ItemT]
    next: str | None = Field(description="the cursor of the next page; null after the last")


Limit = Annotated[int, Query(ge=1, le=1000, description="items per page")]
Cursor = Annotated[str, Query(max_length=500, description="`next` of the page before")]
