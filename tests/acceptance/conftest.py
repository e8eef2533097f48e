"""One platform for the tests that do not break it."""

from collections.abc import Iterator

import pytest

from tests.acceptance.mailbox import Mailbox, mailbox
from tests.acceptance.platform import Platform, platform


@pytest.fixture(scope="session")
def smtp_server() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture(scope="session")
def running_platform(
    tmp_path_factory: pytest.TempPathFactory, smtp_server: Mailbox
) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    settings = {**email_settings(smtp_server), "NOTILOG_OBSERVERS__ALLOW_PRIVATE": "true"}
    with platform(folder, **settings) as started:
        yield started


def email_settings(box: Mailbox) -> dict[str, str]:
    """The environment that points the channel ``email`` at ``box``."""
    return {
        "NOTILOG_CHANNELS__EMAIL__HOST": "127.0.0.1",
        "NOTILOG_CHANNELS__EMAIL__PORT": str(box.port),
        "NOTILOG_CHANNELS__EMAIL__FROM": "NotiLog <notilog@example.org>",
        "NOTILOG_CHANNELS__EMAIL__TLS": "none",
    }
