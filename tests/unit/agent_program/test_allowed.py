"""What the command line of a machine lets the server ask for."""

from pathlib import Path

import pytest

from notilog.agent.program.allowed import EVERYTHING, Allowed, allowed_of
from notilog.agent.program.settings import BadSettings, settings_of

LOGS = Allowed(("/var/log/**", "/srv/*/app.log*"), ("*.example.org", "127.0.0.1"))


@pytest.mark.parametrize(
    ("glob", "may"),
    [
        ("/var/log/nginx/*.log", True),
        ("/var/log/**/*.log", True),
        ("/var/log/**", True),
        ("/srv/shop/app.log", True),
        ("/srv/*/app.log", True),
        ("/srv/**/app.log", False),
        ("/srv/a/b/app.log", False),
        ("/srv/shop/app.log/x", False),
        ("/var/log/../../etc/passwd", False),
        ("/var/logs/x", False),
        ("/**/*.log", False),
        ("/etc/passwd", False),
    ],
)
def test_a_rule_may_name_nothing_beyond(glob: str, *, may: bool) -> None:
    assert LOGS.may_follow(glob) is may
    assert EVERYTHING.may_follow(glob)


def test_links_count_as_what_they_lead_to(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out.log").touch()
    (tmp_path / "in" / "link.log").symlink_to(tmp_path / "out.log")
    (tmp_path / "in" / "file.log").touch()
    allowed = Allowed((f"{tmp_path.resolve()}/in/*.log",))
    assert allowed.may_read(str(tmp_path / "in" / "file.log"))
    assert not allowed.may_read(str(tmp_path / "in" / "link.log"))


def test_hosts() -> None:
    assert LOGS.may_ask("WWW.example.org")
    assert not LOGS.may_ask("example.com")
    assert EVERYTHING.may_ask("anywhere")


def test_settings_beyond_are_refused_by_their_names() -> None:
    given = {
        "files": [{"path": "/var/log/a", "project": "p"}, {"path": "/etc/b", "project": "p"}],
        "checks": [
            {"name": "a", "kind": "port", "host": "10.0.0.1", "port": 1},
            {"name": "b", "kind": "url", "url": "http://10.0.0.1/"},
            {"name": "c", "kind": "url", "url": "http://www.example.org/"},
        ],
    }
    with pytest.raises(BadSettings) as caught:
        settings_of(given, LOGS)
    fields = [problem.field for problem in caught.value.problems]
    assert fields == ["files.1.path", "checks.0.host", "checks.1.url"]


@pytest.mark.parametrize("path", ["logs/*", "/var/../etc/*"])
def test_a_path_is_one_from_the_root(path: str) -> None:
    with pytest.raises(ValueError, match="--allow-path"):
        allowed_of([path], [])
