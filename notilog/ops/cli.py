"""The command `notilog`: each command parses its words, calls one verb and says what came of it."""

import asyncio
import sys
from typing import Annotated

import typer
from pydantic import SecretStr

from notilog import __version__, settings
from notilog.agent.program.command import main as run_agent
from notilog.db import migrate
from notilog.errors import NotilogError
from notilog.logs.filters import Filters
from notilog.logs.matching import Pattern
from notilog.ops import accounts, doctor
from notilog.ops.banner import first_login
from notilog.ops.log_commands import logs
from notilog.ops.probes import Finding
from notilog.ops.settings_reference import reference
from notilog.ops.state import end_holder
from notilog.ops.status import status
from notilog.ops.tail import Wanted, attributes, tail
from notilog.ops.terminal import STATE, StateDir, loaded, out, refusals
from notilog.ops.up import Options
from notilog.ops.up import up as run_platform
from notilog.users.accounts import Name, NewAccount
from notilog.users.credentials import issue
from notilog.users.tokens import NewToken

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port of the API.")]
FlowerPort = Annotated[int, typer.Option(min=1, max=65535, help="Port of Flower.")]

HOST = "127.0.0.1"
PORT = 8000
FLOWER_PORT = 5555

main = typer.Typer(
    name="notilog",
    help="Logs, a shared calendar, reminders and observers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
user = typer.Typer(help="Accounts.", no_args_is_help=True)
token = typer.Typer(help="API tokens.", no_args_is_help=True)
main.add_typer(user, name="user")
main.add_typer(token, name="token")
main.add_typer(logs, name="logs")


@main.command()
def up(
    state_dir: StateDir = STATE,
    host: Host = HOST,
    port: Port = PORT,
    flower_port: FlowerPort = FLOWER_PORT,
) -> None:
    """Run the whole platform until Ctrl-C."""
    with refusals():
        run_platform(Options(state_dir.resolve(), host, port, flower_port), out)


@main.command()
def down(state_dir: StateDir = STATE) -> None:
    """Stop the `notilog up` that runs on this state directory."""
    with refusals():
        was_running = end_holder(state_dir)
    out.print("stopped" if was_running else f"nothing runs on {state_dir}")


@main.command(name="migrate")
def migrate_database(state_dir: StateDir = STATE) -> None:
    """Bring the database to the newest revision and make the first administrator."""
    with refusals():
        found = loaded(state_dir)
        url = found.core.database_url.get_secret_value()
        before, after = asyncio.run(migrate.upgrade(url))
        password = asyncio.run(accounts.ensure_first_admin(found))
    already = before == after
    out.print(f"the database is at {after}" + (" already" if already else f", was at {before}"))
    if password is not None:
        out.print(first_login(password), highlight=False, soft_wrap=True)


@main.command(name="doctor")
def examine(
    state_dir: StateDir = STATE,
    host: Host = HOST,
    port: Port = PORT,
    flower_port: FlowerPort = FLOWER_PORT,
) -> None:
    """Check the configuration and every connection, and say what to do."""
    with refusals():
        try:
            found = loaded(state_dir)
        except NotilogError as error:
            advice = "set it in the environment, .env or notilog.yaml, or run `notilog up` first"
            findings = [Finding("settings", "broken", str(error), advice)]
        else:
            ports = [port, flower_port]
            findings = asyncio.run(doctor.examine(found, state=state_dir, host=host, ports=ports))
    if not doctor.report(findings, out):
        raise typer.Exit(1)


@main.command(name="status")
def show_status(state_dir: StateDir = STATE) -> None:
    """Show how the platform is; the exit code is 1 when something is wrong."""
    with refusals():
        is_well = asyncio.run(status(loaded(state_dir), out))
    if not is_well:
        raise typer.Exit(1)


@main.command(name="tail")
def show_records(  # noqa: PLR0913  one for each option
    *,
    project: Annotated[str | None, typer.Option(help="Of this project only.")] = None,
    module: Annotated[str | None, typer.Option(help="Of this module only.")] = None,
    level: Annotated[str | None, typer.Option(help="Of exactly this level.")] = None,
    min_level: Annotated[str | None, typer.Option(help="Of this level or a graver one.")] = None,
    grep: Annotated[str | None, typer.Option(help="Whose message has this RE2 pattern.")] = None,
    attr: Annotated[list[str] | None, typer.Option(help="KEY=VALUE; repeatable.")] = None,
    last: Annotated[
        int, typer.Option("-n", "--last", min=0, max=10_000, help="Stored ones to begin with.")
    ] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One object a line.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="Plain text.")] = False,
    state_dir: StateDir = STATE,
) -> None:
    """Show the newest log records, and each further one as it arrives, until Ctrl-C."""
    with refusals():
        attrs = attributes(attr or ())
        filters = Filters(
            project=project, module=module, level=level, min_level=min_level, attrs=attrs
        )
        pattern = None if grep is None else Pattern(grep)
        tail(loaded(state_dir), Wanted(filters, pattern, last, as_json, no_color))


@user.command(name="add")
def add_user(
    login: str,
    *,
    first_name: Annotated[str, typer.Option(prompt=True)],
    last_name: Annotated[str, typer.Option(prompt=True)],
    email: str | None = None,
    timezone: str = "UTC",
    admin: Annotated[bool, typer.Option(help="May do everything.")] = False,
    state_dir: StateDir = STATE,
) -> None:
    """Add a person; the password is asked for, or read from the first line of standard input."""
    password = _password_given()
    with refusals():
        new = NewAccount(
            login=login,
            name=Name(first=first_name, last=last_name),
            password=SecretStr(password),
            email=email,
            timezone=timezone,
            role="admin" if admin else "user",
        )
        asyncio.run(accounts.add_user(loaded(state_dir), new))
    out.print(f"added {login}", highlight=False)


@user.command(name="password")
def replace_password(
    login: str,
    *,
    generate: Annotated[bool, typer.Option("--generate", help="Make one up and print it.")] = False,
    state_dir: StateDir = STATE,
) -> None:
    """Give a person another password, which is asked for or read from standard input."""
    password = issue("") if generate else _password_given()
    with refusals():
        secret = SecretStr(password)
        asyncio.run(accounts.replace_password(loaded(state_dir), login, secret))
    out.print(f"changed the password of {login}", highlight=False)
    if generate:
        out.print(f"password {password} (shown this once)", highlight=False, soft_wrap=True)


@token.command(name="add")
def add_token(
    login: str,
    *,
    name: Annotated[str, typer.Option(help="What it is for.")],
    scope: Annotated[list[str], typer.Option(help="A right, such as logs:write; repeatable.")],
    project: Annotated[str | None, typer.Option(help="The only project it may touch.")] = None,
    state_dir: StateDir = STATE,
) -> None:
    """Make a token that acts for a person, and print it this once."""
    with refusals():
        new = NewToken.model_validate({"name": name, "scopes": scope, "project": project})
        made = asyncio.run(accounts.add_token(loaded(state_dir), login, new=new))
    typer.echo(made)


@main.command(
    name="agent",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def agent(context: typer.Context) -> None:
    """Tell another NotiLog of this machine; see `notilog agent --help`."""
    raise typer.Exit(run_agent(context.args))


@main.command(name="settings")
def print_settings() -> None:
    """Print every setting with its default, in the form of a `.env` file."""
    typer.echo(reference(settings.SECTIONS), nl=False)


@main.command(hidden=True)
def migration(message: str, state_dir: StateDir = STATE) -> None:
    """Write a migration for what changed in the tables' classes."""
    with refusals():
        url = loaded(state_dir).core.database_url.get_secret_value()
        asyncio.run(migrate.autogenerate(url, message))


@main.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _password_given() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")
