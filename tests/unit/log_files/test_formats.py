"""Formats of lines: what is in them, and that a record is one line whatever it holds."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from notilog.logs.escapes import unmistakable
from notilog.logs.files import formats
from notilog.logs.files.formats import Formats, renderer
from notilog.logs.files.settings import FilesSettings
from notilog.logs.stored import StoredRecord

AT = datetime(2026, 1, 20, 10, 15, 0, 250_000, tzinfo=UTC)
FULL: dict[str, Any] = {
    "host": "web-1",
    "service": "api",
    "environment": "prod",
    "logger": "shop.cart",
    "trace_id": "t",
    "span_id": "s",
    "request_id": "r",
    "stack_trace": "Traceback\n  line 1",
    "attrs": {"order": 18, "who": "a\tb"},
}
LINE = "{ts} [{level:>8}] {module:.5}: {message}{stack_trace}"


def record(message: str = "sold", **fields: Any) -> StoredRecord:
    chosen = {"level": 30, "project": "shop", "module": "cart", **fields}
    return StoredRecord(ts=AT, id=UUID(int=7), message=message, **chosen)


def test_json_has_every_field_by_its_name() -> None:
    line = json.loads(renderer("json")(record(**FULL)))
    assert line == {
        "ts": "2026-01-20T10:15:00.250000Z",
        "id": str(UUID(int=7)),
        "level": "warning",
        "project": "shop",
        "module": "cart",
        "message": "sold",
        **FULL,
    }


def test_json_leaves_out_what_there_is_not() -> None:
    assert set(json.loads(renderer("json")(record()))) == {
        *("ts", "id", "level", "project", "module", "message")
    }


def test_tab_has_every_column() -> None:
    columns = renderer("tab")(record(**FULL)).decode().removesuffix("\n").split("\t")
    line = dict(zip(formats.COLUMNS, columns, strict=True))
    assert line["ts"] == "2026-01-20T10:15:00.250000Z"
    assert line["level"] == "warning"
    assert line["stack_trace"] == r"Traceback\n  line 1"
    assert json.loads(line["attrs"].replace(r"\\", "\\")) == FULL["attrs"]
    assert renderer("tab")(record()).count(b"\t") == len(formats.COLUMNS) - 1


def test_a_line_as_a_template_says() -> None:
    assert renderer(LINE)(record(module="checkout")) == (
        b"2026-01-20T10:15:00.250000Z [ warning] check: sold\n"
    )


def test_a_level_between_two_is_written_as_its_number() -> None:
    assert b" 77 " in renderer("a {level} b")(record(level=77))


def test_modules_may_have_their_own() -> None:
    chosen = Formats("json", {"cart": "tab", "blog/cart": "{message}", "a/b": "{level}"})
    assert chosen.line(record()).startswith(b"2026-01-20T")
    assert chosen.line(record(project="blog")) == b"sold\n"
    assert chosen.line(record(module="a/b")) == b"warning\n"
    assert chosen.line(record(module="other")).startswith(b"{")


@pytest.mark.parametrize("spec", ["json", "tab", LINE])
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
@example(text="one\ntwo\r\nthree\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029four")
@example(text="\x1b[31mred \x9b31m \x7f \x00 \u202e \u2066")
def test_a_record_is_one_line_of_harmless_text(spec: str, text: str) -> None:
    full = record(text, module=text, host=text, stack_trace=text, attrs={text: text})
    line = renderer(spec)(full).decode()
    assert line.splitlines() == [line[:-1]]
    unprintable = {one for one in line[:-1] if ord(one) < 0x20 or 0x7F <= ord(one) < 0xA0}
    assert unprintable <= ({"\t"} if spec == "tab" else set())
    assert not set("\u202e\u2066\u2028") & set(line)
    if spec == "tab":
        assert line.count("\t") == len(formats.COLUMNS) - 1
    if spec == "json":
        read = json.loads(line)
        assert (read["message"], read["attrs"]) == (text, {text: text})


@given(one=st.text(), other=st.text())
@example(one="\\n", other="\n")
def test_nothing_is_lost_by_escaping(one: str, other: str) -> None:
    assert (unmistakable(one) == unmistakable(other)) == (one == other)


@pytest.mark.parametrize(
    "spec",
    [
        *("xml", "", "{", "{nothing}", "{message.__class__}", "{message!r}", "{0}", "{message[0]}"),
        *("{message:{level}}", "{message:d}", "{message:>9999}", "{message:\n<8}", "a\n{message}"),
        *("{message}\t", "{message}\\n"),
    ],
)
def test_what_is_no_format_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match=r"format|field|width|json, tab"):
        renderer(spec)


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "../{module}"},
        {"format": "xml"},
        {"formats": {"cart": "xml"}},
        {"push_header": SecretStr("no colon")},
        {"push_header": SecretStr("A: b\r\nC: d")},
        {"push_header": SecretStr("A: ключ")},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FilesSettings.model_validate(wrong)


def test_a_header_is_a_name_and_a_value() -> None:
    chosen = FilesSettings(push_header=SecretStr("Authorization: Bearer a:b"))
    assert chosen.header() == {"Authorization": "Bearer a:b"}
    assert FilesSettings().header() == {}
