"""Frames are read as the protocol says, or refused in words that repeat nothing secret."""

import json
from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notilog.agents.protocol import (
    Auth,
    BadFrame,
    Heartbeat,
    batch_of,
    first_frame,
    later_frame,
    told,
)

ID = UUID("0190d2f0-0000-7000-8000-000000000000")


def test_frames_are_told_apart_by_their_types() -> None:
    frame = first_frame(
        '{"type": "auth", "token": "t", "protocol": 1, "agent": {"name": "web"}, "more": 1}'
    )
    assert isinstance(frame, Auth)
    assert frame.agent.name == "web"
    beat = later_frame('{"type": "heartbeat", "at": "2026-01-01T00:00:00Z"}')
    assert isinstance(beat, Heartbeat)
    assert beat.checks == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"type": "auth"}',
        '{"type": "heartbeat", "at": "2026-01-01T00:00:00"}',
        '{"type": "heartbeat", "at": "2026-01-01T00:00:00Z", "metrics": {"cpu": 2}}',
        '{"type": "heartbeat", "at": "2026-01-01T00:00:00Z", "metrics": {"disk": {"\\u0000": 1}}}',
        "[" * 100_000,
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadFrame):
        later_frame(text)
    with pytest.raises(BadFrame):
        first_frame(text)


def test_a_backslash_before_u0000_is_no_nul() -> None:
    check = {"name": "\\u0000", "kind": "url", "ok": False}
    text = json.dumps({"type": "heartbeat", "at": "2026-01-01T00:00:00Z", "checks": [check]})
    assert isinstance(later_frame(text), Heartbeat)


@given(st.text())
def test_any_text_is_a_frame_or_refused(text: str) -> None:
    for read in (first_frame, later_frame):
        with suppress(BadFrame):
            read(text)


def test_a_batch_is_its_id_and_its_records() -> None:
    assert batch_of(ID.bytes + b"x") == (ID, b"x")
    with pytest.raises(BadFrame):
        batch_of(ID.bytes)


def test_what_is_told_is_json() -> None:
    assert json.loads(told("refused", batch=ID)) == {"type": "refused", "batch": str(ID)}
