"""What every format must do: know itself, and lose no line."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notilog.logs.formats import FORMATS, recognised
from notilog.logs.formats.format import Entry
from tests import sample
from tests.unit.formats.excerpts import AT, DEFAULTS, EXCERPTS

LINES = st.lists(
    st.one_of(
        st.sampled_from([line for text in EXCERPTS.values() for line in text.splitlines()]),
        st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=30),
        st.sampled_from(["", "\tat x", "Caused by: y", "{}", "[]"]),
    ),
    max_size=12,
)
EAST = timezone(timedelta(hours=3))
SAMPLES = {
    "Apache_2k.log": ("apache", {"notice": 1405, "error": 595}),
    "Linux_2k.log": ("syslog", {"info": 2000}),
    "OpenSSH_2k.log": ("syslog", {"info": 2000}),
    "OpenStack_2k.log": ("openstack", {"info": 1969, "warning": 31}),
    "Zookeeper_2k.log": ("zookeeper", {"info": 669, "warning": 1318, "error": 13}),
}


def parsed(name: str, lines: list[str], **changed: Any) -> list[Entry]:
    return list(FORMATS[name].parse(lines, defaults=replace(DEFAULTS, **changed)))


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_recognises_its_own_lines_and_no_other_does(name: str) -> None:
    lines = EXCERPTS[name].splitlines()
    assert FORMATS[recognised(lines) or ""] is FORMATS[name]
    assert FORMATS[name].label


def test_what_no_format_has_is_not_recognised() -> None:
    assert recognised(["Dear diary,", "today [I] met: nobody"]) is None
    assert recognised([]) is None


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None)
@given(lines=LINES)
def test_every_line_is_in_one_record(name: str, lines: list[str]) -> None:
    entries = parsed(name, lines)
    covered = [
        number for entry in entries for number in range(entry.number, entry.number + entry.lines)
    ]
    assert covered == sorted(set(covered))
    missing = set(range(1, len(lines) + 1)) - set(covered)
    assert all(not lines[number - 1].strip() for number in missing)
    for entry in entries:
        assert {"level", "project", "module"} <= entry.fields.keys()


@pytest.mark.parametrize("name", ["apache", "syslog", "openstack", "zookeeper"])
def test_a_stack_trace_belongs_to_the_record_before_it(name: str) -> None:
    first = EXCERPTS[name].splitlines()[0]
    trace = ["Traceback (most recent call last):", '  File "x"', "ValueError: no", "", "free words"]
    record, stray = parsed(name, [first, *trace])
    assert record.fields["message"].endswith("\n".join(("", *trace[:3])))
    assert record.lines == 5
    assert stray.fields["message"] == "free words"
    assert (stray.fields["level"], stray.fields["ts"]) == ("info", record.fields["ts"])


@pytest.mark.parametrize("name", ["apache", "syslog", "openstack", "zookeeper"])
def test_a_trace_without_end_becomes_several_records(name: str) -> None:
    first = EXCERPTS[name].splitlines()[0]
    entries = parsed(name, [first, *[" at x"] * 100], longest=200)
    assert sum(entry.lines for entry in entries) == 101
    assert max(len(entry.fields["message"]) for entry in entries) <= 200
    assert len({(entry.fields["ts"], entry.fields["level"]) for entry in entries}) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_lines_before_any_time_have_none(name: str) -> None:
    (entry,) = parsed(name, ["", "free words"])
    assert entry.number == 2
    assert entry.fields["message"] == "free words"
    assert "ts" not in entry.fields


@pytest.mark.parametrize("name", ["apache", "syslog", "openstack", "zookeeper"])
def test_times_are_of_the_zone_and_a_module_replaces_the_component(name: str) -> None:
    first = EXCERPTS[name].splitlines()[0]
    (plain,) = parsed(name, [first])
    (told,) = parsed(name, [first], zone=EAST, module="mine", host="h")
    assert plain.fields["ts"] - told.fields["ts"] == timedelta(hours=3)
    assert told.fields["module"] == "mine"
    component = None if name == "apache" else plain.fields["module"]
    assert told.fields.get("logger") == component
    assert told.fields["host"] == plain.fields.get("host", "h")


@pytest.mark.parametrize(("file", "expected"), SAMPLES.items())
def test_every_line_of_a_public_sample_is_a_record(
    file: str, expected: tuple[str, dict[str, int]]
) -> None:
    name, levels = expected
    lines = sample.required(file).read_text().splitlines()
    assert recognised(lines[:50]) == name
    entries = parsed(name, lines, at=AT)
    assert [entry.number for entry in entries] == list(range(1, 2001))
    assert Counter(entry.fields["level"] for entry in entries) == levels
    assert all("ts" in entry.fields for entry in entries)
