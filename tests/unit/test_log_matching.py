"""Patterns and filters on records that have just arrived; see also the integration test."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from notilog.errors import Invalid
from notilog.logs.filters import Filters
from notilog.logs.matching import Pattern, check
from notilog.logs.stored import StoredRecord

RECORD = StoredRecord(
    id=UUID(int=1),
    ts=datetime(2026, 11, 20, 12, tzinfo=UTC),
    level=30,
    project="shop",
    module="cart",
    message="order 18 refused",
)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("order", True),
        (r"order \d+ re", True),
        ("^order.*refused$", True),
        ("ORDER", False),
        ("(?i)ORDER", True),
        ("^refused", False),
        ("", True),
    ],
)
def test_a_pattern_is_sought_anywhere_in_the_text(pattern: str, found: bool) -> None:  # noqa: FBT001
    assert Pattern(pattern).found_in(RECORD.message) is found


@pytest.mark.parametrize("pattern", ["(", r"(a)\1", "(?<=a)b", "a" * 1001, "\ud800"])
def test_what_is_no_pattern_is_refused(pattern: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Invalid, match="grep"):
        Pattern(pattern)
    assert capfd.readouterr() == ("", "")


def test_a_pattern_that_would_take_for_ever_elsewhere_does_not() -> None:
    assert not Pattern("(a+)+$").found_in("a" * 50_000 + "!")


def test_what_cannot_be_judged_is_refused() -> None:
    check(Filters(level="warn", min_level="20", project="x"))
    with pytest.raises(Invalid, match="level: no such level"):
        check(Filters(level="loud"))
    with pytest.raises(Invalid, match="min_level: no such level"):
        check(Filters(min_level=""))
    with pytest.raises(Invalid, match="q"):
        check(Filters(words="order"))
