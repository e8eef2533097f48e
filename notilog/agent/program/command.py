"""The agent's command line: `run` and `status`."""

import argparse
import asyncio
import resource
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from notilog.agent.program import kept
from notilog.agent.program.agent import Agent, EnrolmentRefused, Options
from notilog.agent.program.allowed import allowed_of
from notilog.agent.program.standard_input import place_of
from notilog.agent.program.whole_files import read_json
from notilog.agent.sending import checked_address

REFUSED: Final = 2
LEAST_SPOOL_MIB: Final = 4

_MIB: Final = 1024 * 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the status with which the process should end."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        return _run(given) if given.command == "run" else _status(given.state)
    except (EnrolmentRefused, kept.InUse, OSError, ValueError) as error:
        sys.stderr.write(f"notilog: {error}\n")
        return REFUSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "notilog agent", description="Tell a NotiLog of this machine: its logs and how it is."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="work until SIGTERM")
    run.add_argument("--url", required=True, help="of NotiLog, such as https://logs.example.org")
    run.add_argument("--state", required=True, type=Path, help="the agent's own folder")
    run.add_argument("--code", help="the one-time code to enrol with; later it is not needed")
    run.add_argument("--stdin", metavar="PROJECT/MODULE", help="read lines from standard input")
    run.add_argument(
        "--spool-mib", type=int, default=512, help="most that waits on disk (default: 512)"
    )
    run.add_argument(
        "--allow-path",
        action="append",
        metavar="GLOB",
        default=[],
        help="read no files but these, whatever the server says; may be given several times",
    )
    run.add_argument(
        "--allow-host",
        action="append",
        metavar="GLOB",
        default=[],
        help="let checks connect to no hosts but these; may be given several times",
    )
    run.add_argument("--insecure", action="store_true", help="allow http:// to another machine")
    status = commands.add_parser("status", help="say what the agent is doing")
    status.add_argument("--state", required=True, type=Path, help="the agent's own folder")
    return parser


def _run(given: argparse.Namespace) -> int:
    checked_address(given.url, insecure=given.insecure)
    if given.spool_mib < LEAST_SPOOL_MIB:
        raise ValueError(f"--spool-mib: at least {LEAST_SPOOL_MIB} is expected")
    place = place_of(given.stdin) if given.stdin is not None else None
    allowed = allowed_of(given.allow_path, given.allow_host)
    state = given.state.absolute()
    kept.hold(state)  # until this process ends
    _allow_many_files()
    options = Options(given.url, state, given.code, place, given.spool_mib * _MIB, allowed)
    asyncio.run(_work(options))
    return 0


async def _work(options: Options) -> None:
    await Agent(options).run()


def _allow_many_files() -> None:
    """Every followed file stays open, so that none is lost when it is renamed or deleted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def _status(state: Path) -> int:
    status = read_json(state / kept.STATUS)
    if not isinstance(status, dict):
        sys.stdout.write(f"no agent has worked on {state}\n")
        return 1
    running = kept.is_held(state)
    sys.stdout.write("\n".join(_told(status, running=running)) + "\n")
    return 0 if running else 1


def _told(status: dict[str, Any], *, running: bool) -> list[str]:
    spool = status["spool"]
    link = f"connected since {status['connected_since']}"
    if not status["connected_since"]:
        link = "not connected"
    lines = [
        "running" if running else f"not running since {status['at']}",
        f"server   {status['url']}: {link}",
        f"settings version {status['settings_version']}",
        f"spool    {spool['batches']} batches, {spool['bytes']} bytes"
        + (", FULL: nothing is read" if status["full"] else ""),
    ]
    if status.get("postponed"):
        lines.append(f"kept     nothing is stored for now: {status['postponed']}")
    if spool["dropped"] or status["rejected"]:
        lines.append(f"refused  {spool['dropped']} records, rejected {status['rejected']}")
    lines += [
        f"file     {file['path']}: at {file['offset']}, {file['lag']} bytes to read"
        for file in status["files"]
    ]
    for check in status["checks"]:
        state = "ok" if check["ok"] else "FAILED"
        lines.append(f"check    {check['name']}: {state}, {check['detail']} ({check['since']})")
    return lines
