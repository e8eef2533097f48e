"""What is taken as a record, what is refused and why, and the rows that come of it."""

import gzip
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import zstandard

from notilog import settings as schema
from notilog.errors import Invalid, TooLarge
from notilog.logs import levels
from notilog.logs.batch import JSON, ROWS, Batch, Message, sealed
from notilog.logs.intake import Sent, accept, received, refuse_all_bad, repeatable_id
from notilog.logs.rows import split

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
GOOD = {"level": "info", "project": "shop", "module": "cart", "message": "kept"}


@pytest.fixture(autouse=True)
def _limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTILOG_DATABASE_URL", "postgresql://localhost/notilog")
    monkeypatch.setenv("NOTILOG_REDIS_URL", "redis://localhost")
    monkeypatch.setenv("NOTILOG_SECRET_KEY", "a secret key that is only used by the tests")
    monkeypatch.setenv("NOTILOG_LOGS__BATCH_RECORDS", "10")
    monkeypatch.setenv("NOTILOG_LOGS__BATCH_BYTES", str(256 * 1024))
    schema.load()


def sent(value: Any) -> Batch:
    return accept(Sent(json.dumps(value).encode()), now=NOW)


def refusal(**fields: Any) -> str:
    """Why a record with these fields is refused; a good one beside it is kept."""
    batch = sent([GOOD, {**GOOD, **fields}])
    assert batch.records == 1
    (reject,) = batch.rejects
    assert reject.position == 1
    return reject.reason


@pytest.mark.parametrize(
    ("level", "number"),
    [
        ("info", 20),
        ("INFO", 20),
        ("Info", 20),
        ("iNfO", 20),
        (" warn ", 30),
        ("warning", 30),
        ("err", 40),
        ("FATAL", 50),
        ("critical", 50),
        ("notice", 25),
        ("trace", 5),
        ("10", 10),
        (10, 10),
        (35, 30),
        ("1", 5),
        (100, 50),
    ],
)
def test_a_level_is_understood_in_many_spellings(level: str | int, number: int) -> None:
    assert levels.number_of(level) == number


@pytest.mark.parametrize("level", ["", "loud", "0", 0, -5, 101, "١٠", "1e1", "10.0"])
def test_other_levels_are_refused(level: str | int) -> None:
    with pytest.raises(ValueError, match="no such level"):
        levels.number_of(level)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"level": "loud"}, "no such level"),
        ({"level": None}, "$.level"),
        ({"level": True}, "$.level"),
        ({"message": None}, "$.message"),
        ({"message": 5}, "$.message"),
        ({"project": ""}, "$.project"),
        ({"project": "x" * 201}, "$.project"),
        ({"host": "x" * 201}, "$.host"),
        ({"module": ["a"]}, "$.module"),
        ({"ts": "2026-11-20T10:00:00"}, "$.ts"),
        ({"ts": "yesterday"}, "RFC3339"),
        ({"ts": 1_795_000_000}, "$.ts"),
        ({"ts": "9999-12-31T23:59:59-12:00"}, "ts: must be in the years 1 to 9999"),
        ({"ts": "0001-01-01T00:00:00+14:00"}, "ts: must be in the years 1 to 9999"),
        ({"id": "7"}, "UUID"),
        ({"attrs": [1]}, "$.attrs"),
        ({"attrs": "text"}, "$.attrs"),
        ({"attrs": [1], "unknown": 1}, "$.attrs"),
        ({"message": "x" * 65_537}, "message: longer than 65536"),
        ({"message": "ж" * 32_769}, "message: longer than 65536"),
        ({"stack_trace": "x" * 65_537}, "stack_trace: longer than 65536"),
        ({"attrs": {"x": "y" * 32_768}}, "attrs: larger than 32768"),
        ({"message": "a\0b"}, "NUL"),
        ({"attrs": {"a": ["b", {"c": "\0"}]}}, "NUL"),
        ({"attrs": {"\0": 1}}, "NUL"),
        ({"surprise\0": 1}, "NUL"),
        ({"message": "half \ud800 pair"}, "surrogate"),
        ({"attrs": {"a": "\udc00 half"}}, "surrogate"),
        ({"attrs": {"a": float("nan")}}, "malformed"),
    ],
)
def test_a_bad_record_is_refused_with_its_reason_and_blocks_no_other(
    fields: dict[str, Any], reason: str
) -> None:
    assert reason in refusal(**fields)


@pytest.mark.parametrize("missing", ["level", "project", "module", "message"])
def test_a_missing_field_is_named(missing: str) -> None:
    batch = sent([{name: value for name, value in GOOD.items() if name != missing}, GOOD])
    assert missing in batch.rejects[0].reason
    assert batch.records == 1


@pytest.mark.parametrize("other", [5, "text", None, [], [GOOD]])
def test_what_is_not_an_object_is_refused_alone(other: object) -> None:
    batch = sent([other, GOOD])
    assert (batch.records, [bad.position for bad in batch.rejects]) == (1, [0])


@pytest.mark.parametrize("number", [b"1e400", b"9" * 5000])
def test_a_number_that_cannot_be_kept_is_refused(number: bytes) -> None:
    good = json.dumps(GOOD).encode()
    bad = good[:-1] + b', "attrs": {"a": ' + number + b"}}"
    batch = accept(Sent(b"[" + bad + b"," + good + b"]"), now=NOW)
    assert (batch.records, [bad.position for bad in batch.rejects]) == (1, [0])


def test_bytes_that_are_not_utf_8_are_refused_alone() -> None:
    good = json.dumps(GOOD).encode()
    bad = good.replace(b"kept", b"\xff\xfe")
    for body, kind in ((b"[%b,%b]", "application/json"), (b"%b\n%b", "application/x-ndjson")):
        batch = accept(Sent(body % (bad, good), kind), now=NOW)
        assert (batch.records, [bad.position for bad in batch.rejects]) == (1, [0])


def test_nesting_without_end_is_refused_alone() -> None:
    deep = json.dumps(GOOD)[:-1] + ', "attrs": {"a": ' + "[" * 10_000 + "]" * 10_000 + "}}"
    batch = accept(Sent(f"{deep}\n{json.dumps(GOOD)}".encode(), "application/x-ndjson"), now=NOW)
    assert (batch.records, batch.rejects[0].reason) == (1, "nested too deeply")


def test_a_second_record_of_the_same_id_and_time_is_refused_whatever_else_it_holds() -> None:
    own = {**GOOD, "id": str(UUID(int=7))}
    timed = {**own, "ts": NOW.isoformat()}
    same_instant = {**timed, "ts": "2026-11-20T13:00:00+03:00", "message": "another"}
    later = {**timed, "ts": "2026-11-20T10:00:00.000001Z"}
    bad = {**later, "level": "loud"}
    batch = sent([timed, same_instant, own, timed, bad, later])
    assert batch.records == 2
    assert [bad.position for bad in batch.rejects] == [1, 2, 3, 4]
    assert all("same id and ts" in bad.reason for bad in batch.rejects[:3])


def test_unknown_fields_move_to_attrs_which_win() -> None:
    plain = sent({**GOOD, "ts": NOW.isoformat(), "id": str(UUID(int=7)), "attrs": {"a": 1, "b": 2}})
    moved = sent(
        {**GOOD, "ts": NOW.isoformat(), "id": str(UUID(int=7)), "b": 2, "a": 5, "attrs": {"a": 1}}
    )
    assert len(plain.rows) == len(moved.rows)
    assert b'"a":1' in moved.rows
    assert b'"b":2' in moved.rows


@pytest.mark.parametrize(
    ("body", "kind", "records"),
    [
        ("{good}", "application/json", 1),
        ("  \n{good}", "application/json; charset=utf-8", 1),
        ("[{good}, {good}]", "application/json", 2),
        ("[{good}]", "", 1),
        ("{good}\n{good}\n", "application/x-ndjson", 2),
        ("{good}\r\n\r\n{good}", "application/x-ndjson", 2),
    ],
)
def test_one_object_an_array_and_lines_are_taken(body: str, kind: str, records: int) -> None:
    text = body.replace("{good}", json.dumps(GOOD))
    assert accept(Sent(text.encode(), kind), now=NOW).records == records


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"", "application/json", "body"),
        (b"[]", "application/json", "no record"),
        (b"\n \n", "application/x-ndjson", "no record"),
        (b"[1, 2", "application/json", "body"),
        (b"hello", "application/json", "body"),
        (b"5", "application/json", "body"),
        (b"[" * 100_000, "application/json", "body"),
        (b"<a/>", "text/xml", "Content-Type"),
    ],
)
def test_what_holds_no_records_is_refused_whole(body: bytes, kind: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        accept(Sent(body, kind), now=NOW)


def test_more_records_or_bytes_than_allowed_are_too_large() -> None:
    with pytest.raises(TooLarge, match="10 records"):
        sent([GOOD] * 11)
    with pytest.raises(TooLarge, match="bytes"):
        sent([{**GOOD, "message": "x" * 60_000}] * 5)


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("zstd", zstandard.compress), ("GZIP", gzip.compress)],
)
def test_compressed_bodies_are_read_and_bombs_are_not(encoding: str, compress: Any) -> None:
    body = json.dumps([GOOD, GOOD]).encode()
    assert accept(Sent(compress(body), "", encoding), now=NOW).records == 2
    assert accept(Sent(compress(b" ") + compress(body), "", encoding), now=NOW).records == 2
    with pytest.raises(TooLarge):
        accept(Sent(compress(bytes(50_000_000)), "", encoding), now=NOW)
    with pytest.raises(Invalid):
        accept(Sent(body, "", encoding), now=NOW)
    with pytest.raises(Invalid):
        accept(Sent(compress(body)[:-12], "", encoding), now=NOW)


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(Invalid, match="Content-Encoding"):
        accept(Sent(b"{}", "", "br"), now=NOW)


def test_a_token_of_one_project_writes_only_there() -> None:
    body = json.dumps([GOOD, {**GOOD, "project": "bank"}]).encode()
    batch = accept(Sent(body), now=NOW, project="shop")
    assert batch.records == 1
    assert "only 'shop'" in batch.rejects[0].reason


def test_a_batch_of_bad_records_alone_is_refused_naming_each() -> None:
    with pytest.raises(Invalid) as caught:
        refuse_all_bad(sent([{}, {**GOOD, "level": "loud"}]))
    assert [error.field for error in caught.value.errors] == ["0", "1"]


def test_rows_are_split_where_they_were_joined() -> None:
    batch = sent([{**GOOD, "message": "x" * length, "attrs": {"n": length}} for length in range(9)])
    rows = split(batch.rows)
    assert len(rows) == 9
    assert b"".join(rows) == batch.rows
    assert len({row[18:34] for row in rows}) == 9
    with pytest.raises(ValueError, match="damaged"):
        split(batch.rows[:-1])


def test_a_sealed_batch_is_received_as_it_was() -> None:
    small, large = sent([GOOD]), sent([{**GOOD, "message": "x" * 20_000}] * 3)
    assert (sealed(small).encoding, sealed(large).encoding) == ("", "zstd")
    for batch in (small, large):
        (again,) = received([sealed(batch)], now=NOW)
        assert (again.id, again.records, again.rows) == (batch.id, batch.records, batch.rows)


@pytest.mark.parametrize(
    "message",
    [
        Message(ROWS, b"not zstd", "zstd", records=3),
        Message("application/json", b"not json"),
        Message("image/png", b"{}"),
    ],
)
def test_a_message_that_cannot_be_read_is_one_reject(message: Message) -> None:
    (batch,) = received([message], now=NOW)
    assert batch.records == 0
    assert [bad.payload for bad in batch.rejects] == [message.body]


def test_json_without_an_id_comes_together_and_all_else_by_itself() -> None:
    good, own = json.dumps(GOOD).encode(), sent([GOOD])
    rows = sealed(own)
    messages = [
        Message(JSON, good),
        Message(JSON, b"not json"),
        Message(JSON, good, id=uuid4()),
        Message(rows.type, rows.body, rows.encoding, None, rows.records),
        Message(JSON, b"[%s, {}]" % good, again=True),
        rows,
    ]
    *apart, together = received(messages, now=NOW)
    assert [(batch.named, batch.records) for batch in apart] == [(True, 1), (False, 1), (True, 1)]
    assert [batch.id for batch in apart if batch.named] == [messages[2].id, own.id]
    assert (together.named, together.again, together.records) == (False, True, 2)
    assert [bad.payload for bad in together.rejects] == [b"not json", b"{}"]
    assert [number for number, _ in together.counts.values()] == [2]
    assert len({row[18:34] for row in split(together.rows)}) == 2


def test_what_is_compressed_and_cannot_be_read_hides_no_secret() -> None:
    secret = json.dumps([{"password": "hunter2"}] * 6000).encode()
    (batch,) = received([Message(JSON, gzip.compress(secret), "gzip")], now=NOW)
    (bad,) = batch.rejects
    assert b"redacted" in bad.payload
    assert b"hunter2" not in bad.payload
    (batch,) = received([Message(JSON, gzip.compress(secret)[:-9], "gzip")], now=NOW)
    assert [bad.payload for bad in batch.rejects] == [b""]


def test_a_key_gives_the_same_id_to_the_same_sender_of_the_same_records_only() -> None:
    assert repeatable_id("ann", None, "1", b"{}") == repeatable_id("ann", None, "1", b"{}")
    others = {
        repeatable_id("ann", None, "1", b"{}"),
        repeatable_id("ann", "shop", "1", b"{}"),
        repeatable_id("ben", None, "1", b"{}"),
        repeatable_id("ann", None, "2", b"{}"),
        repeatable_id("ann", None, "1", b"[]"),
    }
    assert len(others) == 5
