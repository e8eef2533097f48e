"""What a handler is made of: light, careful with its token, and usable from dictConfig."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from notilog.agent.handler import NotiLogHandler
from notilog.agent.notices import Notices

TOKEN = "nl_very-secret"
ROOT = Path(__file__).resolve().parents[3]


def made(url: str = "https://logs.example.org", **options: Any) -> NotiLogHandler:
    return NotiLogHandler(url, **{"token": TOKEN, "project": "shop", **options})


def test_it_imports_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules); import notilog.agent.handler;"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "print(*sorted(new - sys.stdlib_module_names));"
        "print(*sorted(n for n in sys.modules if n.startswith('notilog.')))"
    )
    done = subprocess.run(
        (sys.executable, "-c", code), cwd=ROOT, capture_output=True, text=True, check=True
    )
    foreign, own = done.stdout.splitlines()
    assert foreign == "notilog"
    assert all(name.startswith("notilog.agent") for name in own.split())


@pytest.mark.parametrize(
    "url",
    [
        "http://logs.example.org",
        "http://10.0.0.5:8000",
        "ftp://localhost",
        "logs.example.org",
        "https://",
        "https://ann:word@logs.example.org",
        "https://logs.example.org/?x=1",
        "https://logs.example.org:99999",
    ],
)
def test_an_address_that_is_none_or_not_safe_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"url|Port|port"):
        made(url)


@pytest.mark.parametrize(
    ("url", "insecure"),
    [
        ("http://localhost:8000", False),
        ("http://127.0.0.1:8000", False),
        ("http://[::1]:8000/prefix/", False),
        ("https://logs.example.org", False),
        ("http://logs.example.org", True),
    ],
)
def test_other_addresses_are_taken(url: str, *, insecure: bool) -> None:
    made(url, insecure=insecure).close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": None},
        {"token_file": "/run/token"},
        {"token": "two words"},
        {"token": "line\nbreak"},
        {"token": ""},
        {"project": ""},
        {"batch_records": 5000},
        {"batch_records": 0},
        {"queue_records": 0},
        {"spool_bytes": 5},
        {"batch_seconds": -1},
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+") as refusal:
        made(**wrong)
    assert TOKEN not in str(refusal.value)


def test_the_token_is_shown_nowhere() -> None:
    handler = made()
    shown = f"{handler!r} {handler} {vars(handler)} {vars(handler._shipping)}"  # noqa: SLF001
    assert TOKEN not in shown
    handler.close()


def test_what_was_refused_does_not_disturb_logging() -> None:
    handlers = len(logging._handlerList)  # type: ignore[attr-defined]  # noqa: SLF001
    with pytest.raises(ValueError, match="project"):
        made(project="")
    assert len(logging._handlerList) == handlers  # type: ignore[attr-defined]  # noqa: SLF001


def test_it_is_configured_by_a_dictionary(tmp_path: Path) -> None:
    settings = {
        "version": 1,
        "handlers": {
            "notilog": {
                "class": "notilog.agent.handler.NotiLogHandler",
                "level": "WARNING",
                "url": "https://logs.example.org",
                "token_file": "/run/secrets/token",
                "project": "shop",
                "spool": str(tmp_path / "spool"),
            }
        },
        "root": {"handlers": ["notilog"]},
    }
    code = (
        f"import logging.config; logging.config.dictConfig({settings!r});"
        "print(logging.root.handlers)"
    )
    done = subprocess.run(
        (sys.executable, "-c", code), cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[<NotiLogHandler https://logs.example.org (WARNING)>]\n"
    assert [path.name.partition("-")[0] for path in (tmp_path / "spool").iterdir()] == ["shop"]


def test_each_thing_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    notices = Notices()
    for text in ("away", "away", "refused"):
        notices.say("sending", text)
    notices.settled("sending", "back")
    notices.settled("sending", "back")
    assert capsys.readouterr().err == "notilog: away\nnotilog: refused\nnotilog: back\n"
