"""Exact records of each format."""

from datetime import UTC, datetime
from typing import Any

import pytest

from notilog.logs.formats import FORMATS
from tests.unit.formats.excerpts import DEFAULTS, EXCERPTS


def records(name: str) -> list[dict[str, Any]]:
    parsed = FORMATS[name].parse(EXCERPTS[name].splitlines(), defaults=DEFAULTS)
    return [{"project": "shop", **entry.fields} for entry in parsed]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def test_apache() -> None:
    first, second, third, fourth, stray = records("apache")
    assert first == {
        "ts": utc(2005, 12, 4, 4, 47, 44),
        "level": "notice",
        "project": "shop",
        "module": "apache",
        "message": "workerEnv.init() ok /etc/httpd/conf/workers2.properties",
    }
    assert (second["level"], second["attrs"]) == ("error", {"client": "192.0.2.7"})
    assert second["message"] == "Directory index forbidden by rule: /var/www/"
    assert third == {
        "ts": utc(2011, 9, 9, 10, 42, 29, 902022),
        "level": "critical",
        "project": "shop",
        "module": "core",
        "message": "File gone",
        "attrs": {"pid": 35708, "tid": 43286, "client": "192.0.2.7:80"},
    }
    assert (fourth["level"], fourth["module"], fourth["attrs"]) == ("warning", "apache", {"pid": 7})
    assert (stray["level"], stray["message"]) == ("info", "sh: /usr/bin/missing: not found")


def test_syslog() -> None:
    pam, restart, root, repeated, iso, ssh, network = records("syslog")
    assert pam == {
        "ts": utc(2025, 12, 31, 23, 59, 59),
        "level": "info",
        "project": "shop",
        "module": "sshd(pam_unix)",
        "host": "combo",
        "message": "authentication failure; rhost=192.0.2.7 ",
        "attrs": {"pid": 19939},
    }
    assert (restart["module"], restart["message"]) == ("syslogd", "restart.")
    assert restart["attrs"] == {"version": "1.4.1"}
    assert (root["module"], root["message"]) == ("root", "ROOT LOGIN ON tty2")
    assert root["ts"] == utc(2026, 1, 1, 0, 0, 1)
    assert (repeated["module"], repeated["message"]) == ("syslog", "last message repeated 2 times")
    assert (iso["ts"], iso["level"]) == (utc(2026, 1, 1, 0, 0, 3, 123456), "error")
    assert (iso["host"], iso["module"], iso["message"]) == (
        "web-1",
        "kernel",
        "error: [drm] it burns",
    )
    assert ssh["level"] == "info"
    assert (network["level"], network["message"]) == ("warning", "<warn> no carrier")


def test_openstack() -> None:
    request, instance, trace, failed = records("openstack")
    assert request == {
        "ts": utc(2017, 5, 16, 0, 0, 0, 8000),
        "level": "info",
        "project": "shop",
        "module": "nova.wsgi",
        "service": "nova-api",
        "request_id": "req-38",
        "message": '192.0.2.7 "GET /"',
        "attrs": {"pid": 25746, "file": "nova-api.log.1", "user": "u1", "tenant": "t1"},
    }
    assert instance["message"] == "[instance: b9-1] gone"
    assert instance["attrs"] == {"pid": 2931, "file": "nova-compute.log", "instance": "b9-1"}
    assert "request_id" not in instance
    assert (trace["level"], trace["message"]) == ("error", "Traceback (most recent call last):")
    assert (failed["request_id"], failed["attrs"]) == ("req-39", {"pid": 2931})


def test_zookeeper() -> None:
    election, learner, server = records("zookeeper")
    assert election == {
        "ts": utc(2015, 7, 29, 17, 41, 44, 747000),
        "level": "info",
        "project": "shop",
        "module": "Election",
        "message": "time out: 3",
        "attrs": {"thread": "QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181", "line": 774},
    }
    assert learner["level"] == "error"
    trace = EXCERPTS["zookeeper"].splitlines()[2:5]
    assert learner["message"].splitlines() == ["Unexpected", *trace]
    assert server["message"] == "[a:B@1] - b"
    assert server["attrs"] == {"thread": "main", "line": 5, "myid": "2"}


@pytest.mark.parametrize("name", ["json", "ndjson"])
def test_json(name: str) -> None:
    own, assumed, cut = records(name)
    assert (own["project"], own["level"], own["ts"]) == ("bank", "error", "2026-01-01T00:00:00Z")
    assert assumed == {
        "project": "shop",
        "module": "json",
        "level": "info",
        "message": "assumed",
        "order": 7,
    }
    assert cut["message"] == '{"message": "cut o'
