"""The commands beside `notilog up`: what they find, and one line where they cannot."""

import os
import re
from pathlib import Path

import psycopg
import pytest
import redis

from notilog.ops import probes
from notilog.ops.state import LOCK, StateUnusable, held, holder
from tests.servers.command import assert_refused, run

UNREACHABLE = "127.0.0.1:1"
NAMES = ("--first-name", "Ann", "--last-name", "Lee")


def settings_for(database_url: str) -> dict[str, str]:
    return {
        "NOTILOG_DATABASE_URL": database_url,
        "NOTILOG_REDIS_URL": f"redis://{UNREACHABLE}/0",
        "NOTILOG_SECRET_KEY": "k" * 32,
    }


def with_dead_host(database_url: str) -> str:
    """The same, with a second host at which nobody listens."""
    before, _, database = database_url.rpartition("/")
    return f"{before},{UNREACHABLE}/{database}"


def change(database_url: str, statement: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(statement.encode())


def test_doctor_without_anything_says_what_to_set(tmp_path: Path) -> None:
    done = run(tmp_path, "doctor")
    assert done.returncode == 1
    assert "NOTILOG_DATABASE_URL" in done.stdout


def test_doctor_names_what_is_broken_and_what_is_replaced(
    tmp_path: Path, database_url: str
) -> None:
    done = run(
        tmp_path,
        "doctor",
        NOTILOG_DATABASE_URL=database_url,
        NOTILOG_REDIS_URL=f"redis://:s3cret@{UNREACHABLE}/0",
        NOTILOG_SECRET_KEY="k" * 32,
        NOTILOG_LOG_LEVEL="loud",
        COLUMNS="200",
    )
    assert done.returncode == 1
    assert re.search(r"Redis.*broken", done.stdout)
    assert re.search(r"PostgreSQL.*ok.*primary", done.stdout)
    assert re.search(r"NOTILOG_LOG_LEVEL.*warning.*'loud'", done.stdout)
    assert "s3cret" not in done.stdout


def test_status_says_what_is_wrong_and_what_to_do(tmp_path: Path, database_url: str) -> None:
    done = run(tmp_path, "status", **settings_for(database_url), COLUMNS="200")
    assert done.returncode == 1
    assert "beat has never been heard of: start `celery -A workers.app beat`" in done.stdout
    assert "no worker consumes general" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_status_names_servers_and_hosts_that_do_not_answer(
    tmp_path: Path, database_url: str
) -> None:
    settings = settings_for(with_dead_host(database_url))
    done = run(tmp_path, "status", **settings, COLUMNS="200")
    assert done.returncode == 1
    assert "• broker does not answer: `notilog doctor` says why" in done.stdout
    assert "• redis does not answer" in done.stdout
    assert f"• host {UNREACHABLE} of the database does not answer" in done.stdout
    assert re.search(rf"{UNREACHABLE} .* does not answer .* not known", done.stdout)
    assert "no process of the API gives signs of life" in done.stdout


def test_migrate_makes_the_first_administrator_once(tmp_path: Path, database_url: str) -> None:
    settings = settings_for(database_url)
    assert "login admin, password" in run(tmp_path, "migrate", **settings).stdout
    assert "password" not in run(tmp_path, "migrate", **settings).stdout


def test_a_database_url_with_an_unknown_option_is_refused(
    tmp_path: Path, database_url: str
) -> None:
    settings = settings_for(f"{database_url}?foo=bar")
    assert_refused(run(tmp_path, "migrate", **settings), "NOTILOG_DATABASE_URL", "foo")
    doctor = run(tmp_path, "doctor", **settings, COLUMNS="200")
    assert doctor.returncode == 1
    assert re.search(r"PostgreSQL.*broken.*foo", doctor.stdout)
    assert "Traceback" not in doctor.stderr


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path, database_url: str) -> None:
    change(database_url, "UPDATE alembic_version SET version_num = '20990101_later'")
    settings = settings_for(database_url)
    assert_refused(run(tmp_path, "migrate", **settings), "20990101_later", "does not know")
    assert "brought it there" in run(tmp_path, "doctor", **settings, COLUMNS="300").stdout
    added = run(tmp_path, "user", "add", "ann", *NAMES, stdin="long enough\n", **settings)
    assert_refused(added, "20990101_later")


def test_an_account_needs_a_migrated_database(tmp_path: Path, database_url: str) -> None:
    change(database_url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    settings = settings_for(database_url)
    added = run(tmp_path, "user", "add", "ann", *NAMES, stdin="long enough\n", **settings)
    assert_refused(added, "run `notilog migrate`")


async def test_a_redis_that_may_forget_is_warned_of(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert (await probes.redis(redis_url, setting="X")).state == "ok"
        client.config_set("appendfsync", "everysec")
        try:
            finding = await probes.redis(redis_url, setting="X")
        finally:
            client.config_set("appendfsync", "always")
    assert finding.state == "warning"
    assert "appendfsync always" in finding.advice


@pytest.mark.parametrize("written", ["", "0", "1", "-5", "no number"])
def test_down_ends_nobody_but_the_holder(tmp_path: Path, written: str) -> None:
    with held(tmp_path / "state"):
        (tmp_path / "state" / LOCK).write_text(written)
        assert_refused(run(tmp_path, "down"), "held by a process that cannot be found")
        with pytest.raises(StateUnusable):
            holder(tmp_path / "state")


def test_down_where_nothing_runs_says_so(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / LOCK).write_text(str(os.getpid()))
    done = run(tmp_path, "down")
    assert done.returncode == 0
    assert "nothing runs" in done.stdout
