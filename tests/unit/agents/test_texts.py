"""How news of an agent reads, in both languages, alone and in a digest."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from notilog import settings as schema
from notilog.notifications import rendering
from notilog.notifications.messages import RENDERERS
from notilog.notifications.rendering import Part, Reader

ID = UUID("0190d2f0-0000-7000-8000-000000000000")
DUE = datetime(2026, 11, 20, 10, tzinfo=UTC)
GONE = {
    "agent_id": str(ID),
    "agent": "web-1",
    "said": "offline",
    "at": "2026-11-20T10:00:00+00:00",
    "check": "",
    "detail": "",
    "since": "2026-11-20T09:58:00+00:00",
}
FAILING = {**GONE, "said": "failing", "check": "nginx", "detail": "no process", "since": None}


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTILOG_DATABASE_URL", "postgresql://localhost/notilog")
    monkeypatch.setenv("NOTILOG_REDIS_URL", "redis://localhost/0")
    monkeypatch.setenv("NOTILOG_SECRET_KEY", "k" * 32)
    schema.load(directory=tmp_path)


def test_an_agent_that_is_gone() -> None:
    english = Reader("ann", "en", "UTC", "email", "html")
    message = RENDERERS["agent"](ID, GONE, reader=english, due_at=DUE, late=False)
    assert (message.kind, message.title) == ("agent", "web-1")
    assert message.text.splitlines() == [
        "web-1",
        "Fri 20 Nov 2026, 10:00:00 (UTC)",
        "The agent is not heard of; last heard Fri 20 Nov 2026, 09:58",
    ]
    russian = Reader("ann", "ru", "UTC", "log", "")
    said = RENDERERS["agent"](ID, GONE, reader=russian, due_at=DUE, late=False)
    assert "Агент не отвечает" in said.text


def test_a_check_that_fails_alone_and_in_a_digest() -> None:
    reader = Reader("ann", "en", "UTC", "log", "")
    message = RENDERERS["agent"](ID, FAILING, reader=reader, due_at=DUE, late=False)
    assert message.title == "web-1 — nginx"
    assert "The check fails" in message.text
    assert message.text.rstrip().endswith("no process")
    parts = [Part("agent", GONE), Part("agent", FAILING)]
    digest = rendering.digest(ID, parts, reader=reader, due_at=DUE)
    assert "web-1 — nginx" in digest.text
