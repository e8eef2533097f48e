"""Versions of what several people may change: told in ``ETag``, asked for in ``If-Match``."""

import re
from typing import Annotated, Protocol, TypeVar

from fastapi import Depends, Header, Response

_TAG = re.compile(r'"([0-9]{1,9})"')


class Versioned(Protocol):
    """An answer that tells its version."""

    version: int


AnswerT = TypeVar("AnswerT", bound=Versioned)


def known_versions(
    if_match: Annotated[
        str | None, Header(max_length=1000, description="the ETag that you know", examples=['"1"'])
    ] = None,
) -> frozenset[int] | None:
    """The versions that ``If-Match`` names; None when any will do."""
    if if_match is None or if_match.strip() == "*":
        return None
    tags = (_TAG.fullmatch(tag.strip()) for tag in if_match.split(","))
    return frozenset(int(tag[1]) for tag in tags if tag)


KnownVersions = Annotated[frozenset[int] | None, Depends(known_versions)]


def tagged(response: Response, answer: AnswerT) -> AnswerT:
    """The answer, and its version where a later change can name it."""
    response.headers["ETag"] = f'"{answer.version}"'
    return answer
