"""Settings of the files, for tests that need no server."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from notilog import settings as schema

Configure = Callable[..., None]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Configure:
    """Sets what is given of `logs.files`; the folder is that of the test."""

    def configured(**changes: object) -> None:
        for name, value in {"folder": str(tmp_path), "keep_free_bytes": 0, **changes}.items():
            text = value if isinstance(value, str) else json.dumps(value)
            monkeypatch.setenv(f"NOTILOG_LOGS__FILES__{name.upper()}", text)
        schema.load()

    monkeypatch.setenv("NOTILOG_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("NOTILOG_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("NOTILOG_SECRET_KEY", "a secret key that is only used by the tests")
    monkeypatch.setenv("NOTILOG_STRICT_CONFIG", "true")
    return configured
