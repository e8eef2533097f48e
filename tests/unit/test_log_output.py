"""Each event is one line of JSON or tab-separated cells, whatever the event holds."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from notilog import settings as schema
from notilog.log_output import SILENT, configure, formatter, masked, silence


@pytest.fixture
def unchanged_logging(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An empty folder to read settings from, and the logging of before afterwards."""
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def line(log_format: str, message: str, *, level: int = logging.INFO) -> str:
    record = logging.LogRecord("room", level, __file__, 1, message, (), None)
    return formatter(log_format, process="api").format(record)


def test_json_has_the_fixed_fields_first() -> None:
    written = json.loads(line("json", "started"))
    assert list(written) == ["ts", "level", "process", "logger", "event"]
    assert written["level"] == "info"
    assert written["process"] == "api"
    assert written["logger"] == "room"
    assert written["event"] == "started"
    assert written["ts"].endswith("Z")


def test_tabs_separate_the_same_fields_in_the_same_order() -> None:
    cells = line("tab", "started", level=logging.WARNING).split("\t")
    assert cells[1:] == ["warning", "api", "room", "started"]


@pytest.mark.parametrize("log_format", ["json", "tab"])
@pytest.mark.parametrize("forged", ["a\nb", "a\r\nb", "a\x1b[31mb", "a\u2028b", "a\x85b", "a\x9bb"])
def test_nothing_in_an_event_makes_a_second_line_or_moves_the_cursor(
    log_format: str, forged: str
) -> None:
    written = line(log_format, forged)
    assert len(written.splitlines()) == 1
    assert written.isprintable() or log_format == "tab"
    assert all(cell.isprintable() for cell in written.split("\t"))


def test_a_tab_in_an_event_makes_no_second_cell() -> None:
    assert line("tab", "a\tb\\t").split("\t")[4:] == ["a\\tb\\\\t"]


@pytest.mark.parametrize("log_format", ["json", "tab"])
def test_passwords_of_urls_are_hidden(log_format: str) -> None:
    written = line(log_format, "cannot reach redis://:s3cret@localhost:6379/0")
    assert "s3cret" not in written
    assert "redis://:***@localhost:6379/0" in written


def test_a_url_without_a_password_stays_as_it_is() -> None:
    assert (
        masked("http://localhost:8000/docs of me@x.org") == "http://localhost:8000/docs of me@x.org"
    )


def configured(environment: pytest.MonkeyPatch, log_format: str, level: str) -> None:
    for name in ("DATABASE_URL", "REDIS_URL"):
        scheme = "postgresql" if name == "DATABASE_URL" else "redis"
        environment.setenv(f"NOTILOG_{name}", f"{scheme}://localhost/0")
    environment.setenv("NOTILOG_SECRET_KEY", "x" * 32)
    environment.setenv("NOTILOG_LOG_FORMAT", log_format)
    environment.setenv("NOTILOG_LOG_LEVEL", level)
    configure(schema.load(), process="worker")


@pytest.mark.parametrize("log_format", ["json", "tab"])
def test_our_events_and_those_of_libraries_share_one_output(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    unchanged_logging: None,
    log_format: str,
) -> None:
    library = logging.getLogger("some.library")
    library.addHandler(logging.StreamHandler())
    configured(monkeypatch, log_format, "info")
    structlog.get_logger("room").info("stored", records=3)
    library.warning("slow %s", "query")
    structlog.get_logger("room").debug("not heard")
    ours, theirs = capsys.readouterr().err.splitlines()
    assert "stored" in ours
    assert "records" in ours
    assert "slow query" in theirs
    assert "some.library" in theirs


def test_an_exception_stays_on_its_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    unchanged_logging: None,
) -> None:
    configured(monkeypatch, "json", "info")
    try:
        int("bad postgresql://me:s3cret@db/x")
    except ValueError:
        structlog.get_logger("room").exception("failed")
    (written,) = capsys.readouterr().err.splitlines()
    assert "bad postgresql://me:***@db/x" in json.loads(written)["exception"]


def test_libraries_that_tell_of_every_message_are_heard_from_debug_on(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    unchanged_logging: None,
) -> None:
    configured(monkeypatch, "tab", "info")
    logging.getLogger("celery.app.trace").info("Task succeeded")
    assert capsys.readouterr().err == ""
    configured(monkeypatch, "tab", "debug")
    logging.getLogger("celery.app.trace").info("Task succeeded")
    assert "Task succeeded" in capsys.readouterr().err


def test_the_token_in_a_url_of_the_bot_api_is_masked() -> None:
    url = "https://api.telegram.org/bot123456:AAE-a_b/sendMessage"
    assert (
        masked(f"POST {url} 200") == "POST https://api.telegram.org/bot123456:***/sendMessage 200"
    )
    assert "AAE" not in line("json", url) + line("tab", url)


@pytest.mark.parametrize("name", SILENT)
def test_libraries_that_write_secrets_reach_no_handler(
    name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    silence()
    caplog.set_level(logging.DEBUG, logger=name)
    caplog.set_level(logging.DEBUG, logger=f"{name}.below")
    logging.getLogger(name).error("secret")
    logging.getLogger(f"{name}.below").critical("secret")
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_they_stay_silent_in_a_process_that_logs_everything(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    unchanged_logging: None,
) -> None:
    configured(monkeypatch, "json", "debug")
    logging.getLogger("httpx").error("secret")
    logging.getLogger("room").debug("news")
    written = capsys.readouterr().err
    assert "news" in written
    assert "secret" not in written
