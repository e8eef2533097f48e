"""The commands on log files: what goes in comes out again, once, and queries cannot write."""

import gzip
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import zstandard
from typer.testing import CliRunner, Result

from notilog.logs.manual_sql import READER
from notilog.ops.cli import main
from tests import sample
from tests.servers.command import NOTILOG
from tests.servers.process import wait_until
from tests.unit.formats.excerpts import EXCERPTS

SAMPLES = ("Apache", "Linux", "OpenSSH", "OpenStack", "Zookeeper")
ALL = "SELECT * FROM log_records ORDER BY ts, id"
REFUSED = (
    "DELETE FROM log_records",
    "SELECT 1; DELETE FROM log_records",
    "COMMIT; DELETE FROM log_records",
    "WITH gone AS (DELETE FROM log_records RETURNING 1) SELECT * FROM gone",
    "SELECT wipe()",
    "SELECT set_config('transaction_read_only', 'off', true), wipe()",
    "SELECT nextval('numbers')",
    "SELECT * FROM log_records FOR UPDATE",
    "SELECT 1 INTO made",
    "COPY log_records TO PROGRAM 'true'",
    "no SQL",
    "",
    "SELECT 'infinity'::timestamptz",
)

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def connection(database_url: str) -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(database_url, autocommit=True) as made:
        yield made


def command(*words: str) -> Result:
    """The command in this process, which must not fail by an exception."""
    done = CliRunner().invoke(main, ["logs", *words], env={"COLUMNS": "200"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def done_well(*words: str) -> str:
    done = command(*words)
    assert done.exit_code == 0, done.output
    return done.stdout


def counts(printed: str) -> list[tuple[int, int, int]]:
    """Stored, repeated and rejected of each row of the table."""
    cells = [line.split("│")[1:-1] for line in printed.splitlines() if line.startswith("│")]
    return [tuple(int(cell.replace(",", "")) for cell in row[2:]) for row in cells]  # type: ignore[misc]


def refused(*words: str) -> str:
    done = command(*words)
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def rows(connection: "psycopg.Connection[Any]") -> list[tuple[Any, ...]]:
    return connection.execute(ALL.encode()).fetchall()


def syslog_lines(count: int) -> str:
    return "".join(
        f"Mar  1 10:{number // 60 % 60:02}:{number % 60:02} web-1 app[{number}]: line {number}\n"
        for number in range(count)
    )


def test_every_public_sample_goes_in_out_and_in_again(
    connection: "psycopg.Connection[Any]",
) -> None:
    files = [str(sample.required(f"{name}_2k.log")) for name in SAMPLES]
    assert counts(done_well("import", *files, "--project", "hub")) == [(2000, 0, 0)] * len(files)
    before = rows(connection)
    assert len(before) == 2000 * len(files)
    done_well("export", "--project", "hub", "-o", "all.ndjson.zst")
    connection.execute("DELETE FROM log_records WHERE module <> 'sshd'")
    assert counts(done_well("restore", "all.ndjson.zst")) == [(8000, 2000, 0)]
    assert rows(connection) == before
    assert counts(done_well("restore", "all.ndjson.zst")) == [(0, 10_000, 0)]
    assert counts(done_well("import", *files, "--project", "hub")) == [(0, 2000, 0)] * len(files)


@pytest.mark.parametrize("name", ["apache", "json"])
def test_an_excerpt_goes_in_once_however_it_is_packed(
    connection: "psycopg.Connection[Any]", name: str
) -> None:
    text = EXCERPTS[name].encode()
    Path("a.log").write_bytes(text)
    Path("b").write_bytes(gzip.compress(text[:100]) + gzip.compress(text[100:]))
    packed = zstandard.ZstdCompressor().compress
    Path("c").write_bytes(packed(text[:100]) + packed(text[100:]))
    for file in "a.log", "b", "c":
        os.utime(file, (1_767_225_600, 1_767_225_600))
    first, *others = counts(done_well("import", "a.log", "b", "c", "--project", "shop"))
    stored = first[0]
    assert (first, others) == ((stored, 0, 0), [(0, stored, 0)] * 2)
    assert len(rows(connection)) == stored > 2


def test_lines_of_one_instant_stay_in_order(connection: "psycopg.Connection[Any]") -> None:
    Path("a.log").write_text("Mar  1 10:00:00 h app: 0\n" * 3 + "Mar  1 10:00:00 h app: 1\n" * 20)
    assert counts(done_well("import", "a.log", "--project", "shop")) == [(23, 0, 0)]
    found = connection.execute("SELECT message FROM log_records ORDER BY ts, id").fetchall()
    assert [message for (message,) in found] == ["0"] * 3 + ["1"] * 20


def test_what_was_appended_or_deleted_since_is_stored(
    connection: "psycopg.Connection[Any]", environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_LOGS__BATCH_RECORDS", "7")
    words = ("import", "a.log", "--project", "shop", "--year", "2025")
    Path("a.log").write_text(syslog_lines(20))
    assert counts(done_well(*words)) == [(20, 0, 0)]
    connection.execute("DELETE FROM log_records WHERE message = 'line 3'")
    Path("a.log").write_text(syslog_lines(25))
    assert counts(done_well(*words)) == [(6, 19, 0)]
    assert len(rows(connection)) == 25


def test_lines_without_times_are_stored_once_from_a_pipe_too(
    connection: "psycopg.Connection[Any]",
) -> None:
    def imported() -> list[tuple[int, int, int]]:
        out, into = os.pipe()
        os.write(into, b"no time\nno time either\n")
        os.close(into)
        try:
            words = ("--project", "shop", "--format", "syslog")
            return counts(done_well("import", f"/dev/fd/{out}", *words))
        finally:
            os.close(out)

    assert imported() == [(2, 0, 0)]
    assert imported() == [(0, 2, 0)]
    assert len(rows(connection)) == 2


def test_an_import_that_was_killed_is_completed_by_the_next(
    connection: "psycopg.Connection[Any]", environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_LOGS__BATCH_RECORDS", "50")
    text = syslog_lines(500)
    Path("a.log").write_text(text)
    words = ("--project", "shop", "--year", "2025")
    with subprocess.Popen((NOTILOG, "logs", "import", "-", *words), stdin=subprocess.PIPE) as began:
        assert began.stdin is not None
        began.stdin.write(text[: len(text) // 2].encode())
        began.stdin.flush()
        wait_until(lambda: len(rows(connection)) >= 100, "the first batches")
        began.send_signal(signal.SIGKILL)
    stored = len(rows(connection))
    assert 100 <= stored < 500
    assert counts(done_well("import", "a.log", *words)) == [(500 - stored, stored, 0)]
    assert [row[5] for row in rows(connection)] == [f"line {number}" for number in range(500)]


def test_records_of_today_are_stored_where_no_worker_ever_ran(
    connection: "psycopg.Connection[Any]",
) -> None:
    made = (
        "SELECT format('DROP TABLE %I', relid) FROM pg_partition_tree('log_records') WHERE isleaf"
    )
    for (drop,) in connection.execute(made.encode()).fetchall():
        if not drop.endswith("_past"):
            connection.execute(drop.encode())
    record = {"message": "m", "ts": datetime.now(UTC).isoformat()}
    Path("a").write_text(json.dumps(record))
    assert counts(done_well("import", "a", "--project", "shop")) == [(1, 0, 0)]
    assert rows(connection)[0][0] == datetime.fromisoformat(record["ts"])


def test_bad_records_are_named_by_their_lines_and_stored_nowhere(
    connection: "psycopg.Connection[Any]", environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_LOGS__MESSAGE_BYTES", "1024")
    lines = ["Mar  1 10:00:00 h app: fine", "Mar  1 10:00:01 h app: " + "x" * 3_000_000, "fine"]
    Path("a.log").write_text("\n".join(lines))
    printed = done_well("import", "a.log", "--project", "shop", "--format", "syslog")
    assert counts(printed) == [(2, 0, 1)]
    assert "a.log:2: longer than 1048576 bytes" in printed
    Path("b.log").write_text('{"message": "m", "level": "loud"}\n{"message": "m"}\n')
    printed = done_well("import", "b.log", "--project", "shop")
    assert counts(printed) == [(1, 0, 1)]
    assert "b.log:1: level: no such level" in printed
    assert connection.execute("SELECT count(*) FROM log_rejects").fetchone() == (0,)


def test_bytes_that_are_no_text_are_kept_visibly(connection: "psycopg.Connection[Any]") -> None:
    Path("a.log").write_bytes(b"Mar  1 10:00:00 h app: f\xe9te \x00\x00 end\r\n")
    assert counts(done_well("import", "a.log", "--project", "shop")) == [(1, 0, 0)]
    assert rows(connection)[0][5] == "f\\xe9te \\x00\\x00 end"


def test_what_cannot_be_read_is_refused_in_one_line() -> None:
    project = ("--project", "shop")
    assert "No such file" in refused("import", "missing.log", *project)
    assert "Is a directory" in refused("import", ".", *project)
    Path("a.log").write_text("free words\n")
    assert "--format" in refused("import", "a.log", *project)
    assert "'loud'" in refused("import", "a.log", "--format", "loud", *project)
    assert "Europe/Paris" in refused("import", "a.log", "--zone", "Mars", *project)


@pytest.mark.parametrize("packed", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_of_a_file_that_is_cut_off_what_can_be_read_is_stored(
    connection: "psycopg.Connection[Any]", packed: Any
) -> None:
    noise = os.urandom(160_000).hex()
    text = "".join(
        f"Mar  1 10:00:00 h app: {noise[at : at + 100]}\n" for at in range(0, 320_000, 100)
    )
    whole = packed(text.encode())
    Path("a.log").write_bytes(whole[: len(whole) * 3 // 4])
    done = command("import", "a.log", "--project", "shop", "--year", "2025")
    assert done.exit_code == 1
    assert "only read in part" in done.stderr
    ((stored, _, _),) = counts(done.stdout)
    assert 100 < stored < 3200
    Path("a.log").write_bytes(whole)
    printed = done_well("import", "a.log", "--project", "shop", "--year", "2025")
    assert counts(printed) == [(3200 - stored, stored, 0)]


def test_every_field_survives_an_archive(connection: "psycopg.Connection[Any]") -> None:
    record = {
        "id": "01890000-0000-7000-8000-000000000001",
        "ts": "2026-01-01T00:00:00.000001Z",
        "level": "notice",
        "project": "магазин",
        "module": "m",
        "message": 'tab\t line\n "quote" \x1b[31m €',
        **{name: name for name in ("host", "service", "environment", "logger")},
        **{name: name for name in ("trace_id", "span_id", "request_id", "stack_trace")},
        "attrs": {"n": 12345678901234567890123, "a": [1, 2.5, None, {"b": "ж"}]},
    }
    bare = {
        "id": "01890000-0000-7000-8000-000000000002",
        "ts": "1999-12-31T23:59:59Z",
        "level": "info",
        "project": "shop",
        "module": "m",
        "message": "",
    }
    Path("in").write_text("".join(json.dumps(one) + "\n" for one in (bare, record)))
    assert counts(done_well("restore", "in")) == [(2, 0, 0)]
    for name in "out.ndjson", "out.gz", "out.zst":
        done_well("export", "--to-file", name)
    text = Path("out.ndjson").read_bytes()
    assert [json.loads(line) for line in text.splitlines()] == [bare, record]
    assert gzip.decompress(Path("out.gz").read_bytes()) == text
    with zstandard.ZstdDecompressor().stream_reader(Path("out.zst").read_bytes()) as reader:
        assert reader.read() == text
    assert sorted(path.name for path in Path().iterdir() if path.name.startswith("out")) == [
        "out.gz",
        "out.ndjson",
        "out.zst",
    ]
    assert not list(Path().glob(".*partial"))
    assert done_well("export", "-o", "-").encode() == text


def test_an_export_has_what_the_filters_find() -> None:
    Path("a.log").write_text(EXCERPTS["syslog"])
    done_well("import", "a.log", "--project", "shop", "--year", "2025")
    Path("b.log").write_text(EXCERPTS["json"])
    done_well("import", "b.log", "--project", "shop")

    def found(*words: str) -> list[str]:
        lines = done_well("export", "-o", "-", *words).splitlines()
        return [json.loads(line)["message"] for line in lines]

    assert found("--project", "bank") == ["own"]
    assert found("--module", "syslogd") == ["restart."]
    assert found("--level", "warning") == ["<warn> no carrier"]
    assert len(found("--min-level", "warning")) == 3
    assert found("--q", "carrier") == ["<warn> no carrier"]
    assert found("--attr", "pid=2421") == ["ROOT LOGIN ON tty2"]
    assert found("--attr", "order=7") == ["assumed"]
    moment = ("--from", "2026-01-01T00:00:03", "--to", "2026-01-01T00:00:04Z", "--project", "shop")
    assert found(*moment) == ["error: [drm] it burns"]
    assert found("--project", "nobody") == []
    assert "level" in refused("export", "-o", "-", "--level", "loud")
    assert "from" in refused("export", "-o", "-", "--from", "noon")
    assert "attr" in refused("export", "-o", "-", "--attr", "pid")


def test_an_export_that_fails_leaves_the_archive_as_it_was() -> None:
    Path("out.zst").write_bytes(b"before")
    refused("export", "-o", "out.zst", "--level", "loud")
    assert Path("out.zst").read_bytes() == b"before"
    assert not list(Path().glob(".*partial"))
    assert "No such file" in refused("export", "-o", "no/folder.zst")


def test_what_is_no_archive_is_refused_line_by_line() -> None:
    Path("a").write_text('{"message": "m"}\nno JSON\n\n')
    printed = done_well("restore", "a")
    assert counts(printed) == [(0, 0, 2)]
    assert "a:1: Object missing required field `id`" in printed
    assert "a:2: " in printed


def test_a_query_prints_rows_in_three_forms() -> None:
    query = """SELECT 1 AS n, '{"a": [1]}'::jsonb AS j, NULL AS nothing, E'x\\x1b[31my\\n' AS t"""
    table = done_well("sql", query)
    assert "x\\x1b[31my\\n" in table
    assert "\x1b" not in table
    assert done_well("sql", query, "--format", "csv").splitlines()[0] == "n,j,nothing,t"
    (line,) = done_well("sql", query, "--format", "json").splitlines()
    assert json.loads(line) == {"n": 1, "j": {"a": [1]}, "nothing": None, "t": "x\x1b[31my\n"}
    c1 = done_well("sql", "SELECT U&'\\0085\\202e' AS t", "--format", "json")
    assert c1.strip() == '{"t":"\\u0085\\u202e"}'
    assert "'loud'" in refused("sql", query, "--format", "loud")


def test_a_query_has_limits() -> None:
    done = command("sql", "SELECT * FROM generate_series(1, 100) AS n", "--limit", "3")
    assert done.exit_code == 0
    assert done.stdout.count("│") >= 3
    assert "cut after 3 rows" in done.stderr
    assert "cut" not in command("sql", "SELECT 1", "--limit", "1").stderr
    assert "longer than 0.2 s" in refused("sql", "SELECT pg_sleep(20)", "--timeout", "0.2")
    slow = "SELECT pg_sleep(0.05) FROM generate_series(1, 1000)"
    assert "longer than 0.2 s" in refused("sql", slow, "--timeout", "0.2")
    unlimited = "SELECT set_config('statement_timeout', '0', false), pg_sleep(20)"
    assert "longer than 0.2 s" in refused("sql", unlimited, "--timeout", "0.2")


def test_a_query_cannot_write_whatever_it_says(connection: "psycopg.Connection[Any]") -> None:
    connection.execute(
        "CREATE FUNCTION wipe() RETURNS int LANGUAGE plpgsql AS "
        "$$ BEGIN DELETE FROM log_records; RETURN 1; END $$"
    )
    connection.execute("CREATE SEQUENCE numbers")
    Path("a.log").write_text(syslog_lines(3))
    done_well("import", "a.log", "--project", "shop")
    for statement in REFUSED:
        refused("sql", statement)
    assert len(rows(connection)) == 3
    assert connection.execute("SELECT to_regclass('made')").fetchone() == (None,)


def test_a_query_is_run_by_the_role_of_readers_when_there_is_one(
    connection: "psycopg.Connection[Any]",
) -> None:
    assert "0" in done_well("sql", "SELECT count(*) FROM users")
    connection.execute(f"CREATE ROLE {READER} NOLOGIN".encode())
    try:
        connection.execute(f"GRANT SELECT ON log_records TO {READER}".encode())
        assert "0" in done_well("sql", "SELECT count(*) FROM log_records")
        assert "permission denied" in refused("sql", "SELECT * FROM users")
    finally:
        connection.execute(f"DROP OWNED BY {READER}".encode())
        connection.execute(f"DROP ROLE {READER}".encode())
