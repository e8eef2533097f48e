"""What a caller may do follows from the role, narrowed by a token's scopes."""

from uuid import UUID

import pytest

from notilog.users.caller import RIGHTS, SCOPES, Caller, Role

ID = UUID(int=0)


def caller(role: Role, scopes: frozenset[str] | None = None) -> Caller:
    return Caller(ID, "ann", role, scopes=scopes, project=None)


@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_a_session_has_the_rights_of_the_role(scope: str) -> None:
    assert caller("admin").may(scope)
    assert caller("user").may(scope) == (scope in RIGHTS["user"])


@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_a_token_has_what_it_was_given_and_its_owner_has(scope: str) -> None:
    assert caller("admin", frozenset({scope})).may(scope)
    assert not caller("admin", frozenset()).may(scope)
    assert caller("user", frozenset({scope})).may(scope) == (scope in RIGHTS["user"])


def test_the_right_admin_stands_for_all_others_but_only_with_the_role() -> None:
    everything = frozenset({"admin"})
    assert all(caller("admin", everything).may(scope) for scope in SCOPES)
    assert not any(caller("user", everything).may(scope) for scope in SCOPES)
    assert caller("admin", everything).is_admin
    assert not caller("admin", SCOPES - {"admin"}).is_admin


def test_only_a_session_is_a_person() -> None:
    assert caller("user").in_person
    assert not caller("admin", SCOPES).in_person
