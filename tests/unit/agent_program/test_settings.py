"""Settings from the server: what is understood, and what is said about the rest."""

from typing import Any

import pytest

from notilog.agent.program.settings import (
    BadSettings,
    FileRule,
    JournalRule,
    PortCheck,
    ProcessCheck,
    Settings,
    UnitCheck,
    UrlCheck,
    settings_of,
)

GOOD: dict[str, Any] = {
    "files": [
        {"path": "/var/log/nginx/*.log", "project": "web", "module": "nginx", "level": "info"}
    ],
    "journald": {"project": "host", "units": ["ssh.service"]},
    "checks": [
        {"name": "nginx", "kind": "process", "match": "nginx"},
        {"name": "db", "kind": "port", "host": "127.0.0.1", "port": 5432},
        {"name": "site", "kind": "url", "url": "http://127.0.0.1/", "status": 200},
        {"name": "sshd", "kind": "unit", "unit": "ssh.service"},
    ],
    "check_seconds": 15,
}


def test_the_settings_of_the_protocol_are_understood() -> None:
    assert settings_of(GOOD) == Settings(
        (FileRule("/var/log/nginx/*.log", "web", "nginx", "info"),),
        JournalRule("host", ("ssh.service",)),
        (
            ProcessCheck("nginx", "nginx"),
            PortCheck("db", "127.0.0.1", 5432),
            UrlCheck("site", "http://127.0.0.1/", 200),
            UnitCheck("sshd", "ssh.service"),
        ),
        15,
    )


def test_null_is_as_good_as_absent_and_what_is_not_known_is_passed_over() -> None:
    given: dict[str, Any] = {
        "files": None,
        "journald": None,
        "checks": [],
        "check_seconds": None,
        "new": 1,
    }
    assert settings_of(given) == settings_of({}) == Settings()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"files": {}}, "files"),
        ({"files": ["x"]}, "files.0"),
        ({"files": [{"path": "relative", "project": "p"}]}, "files.0.path"),
        ({"files": [{"path": "/x\n", "project": "p"}]}, "files.0.path"),
        ({"files": [{"path": "/x"}]}, "files.0.project"),
        ({"files": [{"path": "/x", "project": "p", "level": "loud"}]}, "files.0.level"),
        ({"files": [{"path": "/x", "project": "p", "module": 3}]}, "files.0.module"),
        ({"journald": []}, "journald"),
        ({"journald": {"project": "p", "units": "ssh"}}, "journald.units"),
        ({"journald": {"project": "p", "units": ["--file=/etc"]}}, "journald.units.0"),
        ({"checks": [{"name": "x", "kind": "magic"}]}, "checks.0.kind"),
        ({"checks": [{"kind": "process", "match": "x"}]}, "checks.0.name"),
        ({"checks": [{"name": "x", "kind": "port", "port": 0}]}, "checks.0.port"),
        ({"checks": [{"name": "x", "kind": "port", "port": True}]}, "checks.0.port"),
        ({"checks": [{"name": "x", "kind": "url", "url": "ftp://x"}]}, "checks.0.url"),
        ({"checks": [{"name": "x", "kind": "url", "url": "http://x:y/"}]}, "checks.0.url"),
        ({"checks": [{"name": "x", "kind": "unit", "unit": "-H root"}]}, "checks.0.unit"),
        ({"checks": [GOOD["checks"][0], GOOD["checks"][0]]}, "checks.1.name"),
        ({"check_seconds": "often"}, "check_seconds"),
        ({"check_seconds": 0}, "check_seconds"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(BadSettings) as caught:
        settings_of({**GOOD, **change})
    assert [problem.field for problem in caught.value.problems] == [field]


@pytest.mark.parametrize("given", [None, 1, "text", []])
def test_anything_else_is_refused(given: object) -> None:
    with pytest.raises(BadSettings):
        settings_of(given)
