"""Secrets in records are taken out before anything is stored."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notilog.logs.limits import LogsSettings
from notilog.logs.record import Record
from notilog.logs.redaction import REDACTED, Redaction

FIELDS = LogsSettings().redact_fields
USUAL = Redaction(FIELDS, [])


def record(message: str, **fields: Any) -> Record:
    return Record(level="info", project="p", module="m", message=message, **fields)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("login password=hunter2 ok", "login password=[redacted] ok"),
        ("DB_PASSWORD = 'two words', next", "DB_PASSWORD = [redacted], next"),
        (r'{"password": "a\"bSECRET", "a": 1}', '{"password": [redacted], "a": 1}'),
        ("api-key:abc;x", "api-key:[redacted];x"),
        ("token: Bearer abc.def rest", "token: [redacted] rest"),
        ("Authorization: Token abcSECRET", "Authorization: [redacted]"),
        ("Cookie: theme=dark; sessionid=SECRET\nnext", "Cookie: [redacted]\nnext"),
        ("Failed password for root from 10.0.0.1", "Failed password for root from 10.0.0.1"),
        ("nothing to hide: all = well", "nothing to hide: all = well"),
    ],
)
def test_what_follows_a_name_is_taken_out_of_texts(message: str, expected: str) -> None:
    assert USUAL.applied(record(message, stack_trace=message)).message == expected
    assert USUAL.applied(record("m", stack_trace=message)).stack_trace == expected


def test_attributes_are_known_by_their_names_at_any_depth() -> None:
    attrs = {
        "accessToken": "a",
        "client-secret": "b",
        "token_value": "c",
        "tokens": 3,
        "deep": [{"Set-Cookie": "d", "url": "/?api_key=e&x=1"}],
    }
    cleaned = USUAL.applied(record("m", attrs=attrs)).attrs
    assert cleaned == {
        "accessToken": REDACTED,
        "client-secret": REDACTED,
        "token_value": REDACTED,
        "tokens": 3,
        "deep": [{"Set-Cookie": REDACTED, "url": f"/?api_key={REDACTED}&x=1"}],
    }


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"password":["x"],"n":1}', b'{"password":"[redacted]","n":1}'),
        (b'{"a":{"password":{"v":"x"}}}', b'{"a":{"password":"[redacted]"}}'),
        (b'[{"token":"x y"}]', b'[{"token":"[redacted]"}]'),
        (b'password="x y" {', b"password=[redacted] {"),
        (b"plain \xff", b"plain \xff"),
    ],
)
def test_what_could_not_be_read_is_kept_without_its_secrets(
    payload: bytes, expected: bytes
) -> None:
    assert USUAL.payload(payload) == expected


names = st.sampled_from([*FIELDS, "Password", "api-key", "accessToken", "x", "é"])
marks = st.sampled_from(
    ["=", ":", ": ", " = ", ",", "7", "_", "-", " ", "\n", "\t", '"', "'", "\\"]
)
pieces = names | marks
texts = st.lists(pieces, max_size=8).map("".join)


@given(text=texts, key=texts, inner=texts, escaped=st.booleans())
def test_whatever_is_taken_out_is_seen_in_the_body(
    text: str, key: str, inner: str, *, escaped: bool
) -> None:
    sent = {
        "level": "info",
        "project": "p",
        "module": "m",
        "message": text,
        "attrs": {key: 1, "deep": [{inner: text}]},
    }
    body = json.dumps([sent], ensure_ascii=escaped).encode()
    (found,) = msgspec.json.decode(body, type=list[Record])
    if USUAL.applied(found) != found:
        assert USUAL.concerns(body)


def test_prose_that_names_a_secret_costs_nothing() -> None:
    assert not USUAL.concerns(b'{"message": "Failed password for root", "attrs": {"n": 1}}')


def test_patterns_are_taken_out_of_every_text() -> None:
    cards = Redaction([], [r"\b\d{16}\b"])
    cleaned = cards.applied(record("card 4111111111111111", host="4111111111111111"))
    assert (cleaned.message, cleaned.host) == (f"card {REDACTED}", REDACTED)


@pytest.mark.parametrize(
    ("body", "concerned"),
    [
        (b'{"message": "sold"}', False),
        (b'{"PassWord": 1}', True),
        (b'{"apiKey": 1}', True),
        (rb'{"pass\u0077ord": 1}', True),
    ],
)
def test_only_bodies_that_may_hold_a_secret_are_looked_through(
    body: bytes,
    concerned: bool,  # noqa: FBT001
) -> None:
    assert USUAL.concerns(body) is concerned


def test_what_is_no_record_is_cleaned_as_text() -> None:
    assert USUAL.payload(b"password=abc \xff") == b"password=[redacted] \xff"


def test_a_wrong_pattern_is_refused() -> None:
    with pytest.raises(ValueError, match="not a regular expression"):
        LogsSettings(redact_patterns=["("])
