"""How incidents read, in both languages, alone and in a digest."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from notilog import settings as schema
from notilog.notifications import rendering
from notilog.notifications.channels.channel import Message
from notilog.notifications.messages import RENDERERS
from notilog.notifications.rendering import Part, Reader

ID = UUID("0190d2f0-0000-7000-8000-000000000000")
DUE = datetime(2026, 11, 20, 10, tzinfo=UTC)
GONE: dict[str, Any] = {
    "agent_id": str(ID),
    "agent": "web-1",
    "said": "offline",
    "at": "2026-11-20T10:00:00+00:00",
    "check": "",
    "detail": "",
    "since": "2026-11-20T09:58:00+00:00",
}
FAILING = {**GONE, "said": "failing", "check": "nginx", "detail": "no process", "since": None}
MISSING = {
    "rule": "Backup",
    "said": "missing",
    "at": GONE["at"],
    "since": None,
    "line": None,
    "count": 1,
    "within_seconds": 3600,
    "project": "backup",
    "module": None,
}


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTILOG_DATABASE_URL", "postgresql://localhost/notilog")
    monkeypatch.setenv("NOTILOG_REDIS_URL", "redis://localhost/0")
    monkeypatch.setenv("NOTILOG_SECRET_KEY", "k" * 32)
    schema.load(directory=tmp_path)


def incident(about: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "incident_id": str(ID),
        "source": "agent",
        "severity": "critical",
        "said": "opened",
        "at": "2026-11-20T10:00:00+00:00",
        "since": "2026-11-20T10:00:00+00:00",
        "step": 1,
        "by": None,
        "about": about,
        **fields,
    }


def message(content: dict[str, Any], *, language: str = "en", markup: str = "") -> Message:
    channel = "email" if markup else "log"
    reader = Reader("ann", language, "UTC", channel, "html" if markup else "")
    return RENDERERS["incident"](ID, content, reader=reader, due_at=DUE, late=False)


def test_an_agent_that_is_gone() -> None:
    said = message(incident(GONE), markup="html")
    assert (said.kind, said.title) == ("incident", "web-1")
    assert said.text.splitlines() == [
        "web-1",
        "Fri 20 Nov 2026, 10:00:00 (UTC)",
        "The agent is not heard of; last heard Fri 20 Nov 2026, 09:58",
    ]
    assert "Агент не отвечает" in message(incident(GONE), language="ru").text
    assert said.data["incident_id"] == str(ID)


def test_told_again_it_says_since_when_and_how_often() -> None:
    again = incident(FAILING, said="again", at="2026-11-20T10:20:00+00:00", step=3)
    text = message(again).text
    assert "Fri 20 Nov 2026, 10:20:00 (UTC)" in text
    assert "The check fails. Open since Fri 20 Nov 2026, 10:00, and nobody" in text
    assert "told 3 times" in text
    assert text.rstrip().endswith("no process")
    assert "сообщается 3-й раз" in message(again, language="ru").text


def test_resolved_it_says_by_whom_or_why() -> None:
    back = {**GONE, "said": "online"}
    assert "The agent is back. Resolved; it was" in message(incident(back, said="resolved")).text
    by_ann = incident(GONE, said="resolved", by="ann")
    assert "Resolved by ann" in message(by_ann).text
    assert "Закрыт (ann)" in message(by_ann, language="ru").text
    quiet = incident(MISSING, said="quiet", source="alert")
    assert "since it did not occur again" in message(quiet).text


def test_what_a_rule_misses() -> None:
    said = message(incident(MISSING, source="alert", said="again", step=2))
    assert said.title == "Backup — backup"
    assert "Fewer than 1 in 1 h. Open since" in said.text


def test_several_in_a_digest() -> None:
    reader = Reader("ann", "en", "UTC", "log", "")
    parts = [Part("incident", incident(GONE)), Part("incident", incident(FAILING))]
    digest = rendering.digest(ID, parts, reader=reader, due_at=DUE)
    assert "web-1 — nginx" in digest.text
