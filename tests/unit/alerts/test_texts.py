"""How an alert reads, in both languages, in each markup and in a digest."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from notilog import settings as schema
from notilog.notifications import rendering
from notilog.notifications.channels.channel import Markup, Message
from notilog.notifications.rendering import Part, Reader
from notilog.notifications.words import words_of

ID = UUID("0190d2f0-0000-7000-8000-000000000000")
DUE = datetime(2026, 11, 20, 10, tzinfo=UTC)
LINE = {
    "ts": "2026-11-20T09:59:59.5+00:00",
    "level": 50,
    "message": "order <18> & co\nrefused",
    "project": "shop",
    "module": "cart",
}
ALERT: dict[str, Any] = {
    "rule": "Refused",
    "said": "matched",
    "at": "2026-11-20T10:00:00+00:00",
    "since": None,
    "count": 1,
    "within_seconds": None,
    "project": "shop",
    "module": "cart",
    "line": LINE,
}
MORE: dict[str, Any] = {"said": "more", "count": 9999, "since": "2026-11-20T09:55:00+00:00"}


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOTILOG_DATABASE_URL", "postgresql://x/0")
    monkeypatch.setenv("NOTILOG_REDIS_URL", "redis://x/0")
    monkeypatch.setenv("NOTILOG_SECRET_KEY", "a secret key that is only used by the tests")
    schema.load()


def alert(
    *, language: str = "en", markup: Markup = "", channel: str = "log", **changes: Any
) -> Message:
    reader = Reader("ann", language, "Europe/Moscow", channel, markup)
    return rendering.alert(ID, {**ALERT, **changes}, reader=reader, due_at=DUE, late=True)


def test_the_line_and_where_it_is_from() -> None:
    message = alert()
    assert message.title == "Refused — shop/cart"
    assert message.text == (
        "Refused\nshop/cart · CRITICAL\nFri 20 Nov 2026, 12:59:59 (Europe/Moscow)\n\n"
        "order <18> & co\nrefused\n"
    )


@pytest.mark.parametrize("markup", ["html", "telegram"])
def test_a_line_is_never_markup(markup: Markup) -> None:
    assert "order &lt;18&gt; &amp; co\nrefused</pre>" in alert(markup=markup).html


@pytest.mark.parametrize(
    ("language", "changes", "news"),
    [
        ("en", {"count": 5, "within_seconds": 60.0}, "5 lines within 1 min"),
        ("ru", {"count": 5, "within_seconds": 90.0}, "5 строк за 90 с"),
        ("ru", {"count": 3, "within_seconds": 7200.0}, "3 строки за 2 ч"),
        ("en", MORE, "9,999 more since Fri 20 Nov 2026, 12:55"),
        ("ru", {**MORE, "count": 21}, "Ещё 21 строка с Пт 20 нояб. 2026, 12:55"),
        ("en", {"said": "missing", "within_seconds": 86400.0}, "Fewer than 1 in 1 d"),
        ("ru", {"said": "missing", "within_seconds": 60.0}, "Меньше 1 строки за 1 мин"),
        ("en", {"said": "back", "within_seconds": 60.0}, "Lines come again"),
    ],
)
def test_what_there_is_to_say(language: str, changes: dict[str, Any], news: str) -> None:
    assert f"\n{news}\n" in alert(language=language, **changes).text


def test_what_never_came_has_no_line() -> None:
    changes: dict[str, Any] = {
        "said": "missing",
        "line": None,
        "module": None,
        "within_seconds": 60.0,
    }
    text = alert(**changes).text
    assert text == (
        "Refused\nshop\nFri 20 Nov 2026, 13:00:00 (Europe/Moscow)\nFewer than 1 in 1 min\n"
    )


def test_by_sms_it_is_short() -> None:
    long: Any = {**LINE, "message": "x" * 1500}
    assert len(alert(channel="sms", line=long, **MORE).text) < 280


def test_a_digest_has_alerts_beside_the_rest() -> None:
    reader = Reader("ann", "en", "UTC", "log", "")
    parts = [Part("alert", {**ALERT, **MORE}), Part("test", {})]
    message = rendering.digest(ID, parts, reader=reader, due_at=DUE)
    assert "Refused — shop/cart" in message.title
    assert "9,999 more since Fri 20 Nov 2026, 09:55. order <18> & co refused" in message.text


def test_a_line_from_the_end_of_the_calendar_still_has_a_time() -> None:
    assert "13:00:00" in alert(line={**LINE, "ts": "9999-12-31T23:59:59+00:00"}).text


def test_durations() -> None:
    words = words_of("en").alerts
    told = [words.duration(seconds) for seconds in (0, 1, 60, 61, 3600, 86400, 90000)]
    assert told == ["0 s", "1 s", "1 min", "61 s", "1 h", "1 d", "25 h"]
