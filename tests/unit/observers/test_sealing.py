"""Tokens at rest: readable with the platform's key, for their observer alone."""

from uuid import uuid4

import pytest

from notilog import settings as schema
from notilog.observers.failures import Permanent
from notilog.observers.sealing import sealed, unsealed

TOKEN = {"token": "a-very-secret-token"}


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTILOG_DATABASE_URL", "postgresql://localhost/notilog")
    monkeypatch.setenv("NOTILOG_REDIS_URL", "redis://localhost")
    monkeypatch.setenv("NOTILOG_SECRET_KEY", "a secret key that is only used by the tests")
    schema.load()


def test_what_is_sealed_comes_back_and_shows_nothing() -> None:
    observer = uuid4()
    first, second = (sealed(TOKEN, observer_id=observer) for _ in range(2))
    assert unsealed(first, observer_id=observer) == TOKEN
    assert first != second
    assert b"secret" not in first


def test_another_observer_or_key_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    observer = uuid4()
    kept = sealed(TOKEN, observer_id=observer)
    with pytest.raises(Permanent):
        unsealed(kept, observer_id=uuid4())
    with pytest.raises(Permanent):
        unsealed(kept[:-1] + bytes([kept[-1] ^ 1]), observer_id=observer)
    monkeypatch.setenv("NOTILOG_SECRET_KEY", "another key that is only used by the tests too")
    schema.load()
    with pytest.raises(Permanent, match="give it again"):
        unsealed(kept, observer_id=observer)
