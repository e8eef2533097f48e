"""What a rule looks for, and what it takes for the same."""

from typing import Any

import pytest

from notilog.errors import Invalid
from notilog.logs.alerts.matching import (
    LONGEST_EXCERPT,
    LONGEST_FINGERPRINT,
    excerpt,
    fingerprint,
    masked,
    matches,
)
from tests.unit.alerts.lines import Line, rule


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, True),
        ({"project": "shop", "module": "cart", "level": "error"}, True),
        ({"project": "Shop"}, False),
        ({"module": "pay"}, False),
        ({"level": "warning"}, False),
        ({"level": "fatal"}, False),
        ({"min_level": "warning"}, True),
        ({"min_level": "error"}, True),
        ({"min_level": "critical"}, False),
        ({"pattern": "refused$"}, True),
        ({"pattern": "(?i)ORDER [0-9]+"}, True),
        ({"pattern": "^refused"}, False),
        ({"pattern": ""}, True),
        ({"attrs": {"order": 18}}, True),
        ({"attrs": {"order": "18"}}, True),
        ({"attrs": {"order": "18", "paid": False, "by": None}}, True),
        ({"attrs": {"order": "18", "gone": 1}}, False),
        ({"attrs": {"paid": "False"}}, False),
    ],
)
def test_a_rule_finds_what_it_names(fields: dict[str, Any], *, found: bool) -> None:
    line = Line(attrs={"order": 18, "paid": False, "by": None})
    assert matches(rule(**fields), line) is found


def test_a_record_without_attributes_has_none() -> None:
    assert not matches(rule(attrs={"order": 18}), Line())


def test_no_pattern_takes_long() -> None:
    evil = rule(pattern="^(a+)+$")
    assert not matches(evil, Line("a" * 60_000 + "!"))


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"pattern": "("}, ["pattern"]),
        ({"pattern": "(?=x)"}, ["pattern"]),
        ({"pattern": "(((a{30}){30}){30})"}, ["pattern"]),
        ({"pattern": r"\pL{500}" * 30}, ["pattern"]),
        ({"pattern": "[a-z]{1000}Z"}, ["pattern"]),
        ({"level": "loud", "min_level": 0}, ["level", "min_level"]),
        ({"count": 2}, ["within_seconds"]),
        ({"kind": "absence"}, ["within_seconds"]),
        ({"group_by": ["host", "colour", "host", "attrs."]}, [f"group_by.{n}" for n in (1, 2, 3)]),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], refused: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        rule(**fields)
    assert [error.field for error in caught.value.errors] == refused


@pytest.mark.parametrize(
    ("message", "same"),
    [
        ("order 18 refused", "order # refused"),
        ("от 192.168.0.1:8080 за 15мс", "от #.#.#.#:# за #"),
        ("request 3f2504e0-4f89-11d3-9a0c-0305e82c3301 lost", "request # lost"),
        ("request abcdabcd-abcd-abcd-abcd-abcdabcdabcd lost", "request # lost"),
        ("at 0x7f3a in web-1, commit 9fceb02d", "at # in web-#, commit #"),
        ("nothing varies", "nothing varies"),
    ],
)
def test_numbers_and_ids_do_not_tell_messages_apart(message: str, same: str) -> None:
    assert masked(message) == same


def test_groups() -> None:
    line = Line(host="web-1", attrs={"customer": 7, "tags": ["a"]})
    assert fingerprint(rule(), line) == "shop | cart | order # refused"
    assert (
        fingerprint(rule(group_by=["host", "attrs.customer", "attrs.gone"]), line) == "web-1 | 7 | "
    )
    assert fingerprint(rule(group_by=["attrs.tags", "level"]), line) == '["a"] | 40'
    assert fingerprint(rule(group_by=[]), line) == ""
    assert fingerprint(rule(kind="absence", within_seconds=60), line) == ""


def test_a_group_is_short_and_still_its_own() -> None:
    prints = {fingerprint(rule(), Line("x" * 400 + end)) for end in ("a", "b")}
    assert len(prints) == 2
    assert {len(one) for one in prints} == {LONGEST_FINGERPRINT}


def test_what_is_told_of_a_line_is_bounded_and_clean() -> None:
    told = excerpt(Line("\x1b[31mred\x00\n\tнет 🎉" + "x" * 70_000))["message"]
    assert told.startswith("\ufffd[31mred\ufffd\n\tнет 🎉xxx")
    assert len(told) == LONGEST_EXCERPT
