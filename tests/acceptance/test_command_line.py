"""Accounts and tokens made beside a running platform."""

import re

import httpx

from tests.acceptance.platform import Platform
from tests.servers.command import assert_refused, run


def test_an_account_and_a_token_are_made_from_the_command_line(
    running_platform: Platform,
) -> None:
    folder, api = running_platform.state.parent, f"{running_platform.url}/api/v1"
    names = ("--first-name", "Olga", "--last-name", "Lee")
    added = run(folder, "user", "add", "olga", *names, stdin="a good long password\n")
    assert added.returncode == 0, added.stderr
    token = run(folder, "token", "add", "olga", "--name", "shop", "--scope", "logs:write")
    assert token.returncode == 0, token.stderr
    headers = {"Authorization": f"Bearer {token.stdout.strip()}"}
    assert httpx.get(f"{api}/users/olga", headers=headers).status_code == 200
    assert httpx.get(f"{api}/users/olga").status_code == 401

    made = run(folder, "user", "password", "olga", "--generate")
    (password,) = re.findall(r"password (\S+) \(shown this once\)", made.stdout)
    signing_in = {"login": "olga", "password": password}
    assert httpx.post(f"{api}/sessions", json=signing_in).status_code == 201
    assert_refused(run(folder, "user", "password", "bob", "--generate"), "bob")
    assert_refused(run(folder, "user", "password", "olga"), "8 to 1024 characters")

    beyond = run(folder, "token", "add", "olga", "--name", "all", "--scope", "admin")
    assert_refused(beyond, "admin")
    again = run(folder, "token", "add", "bob", "--name", "all", "--scope", "logs:write")
    assert_refused(again, "bob")
