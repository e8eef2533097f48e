"""A server that speaks the protocol."""

from collections.abc import Iterator

import pytest

from tests.integration.agent_program.welcoming import Fake, welcoming


@pytest.fixture
def fake() -> Iterator[Fake]:
    with welcoming(Fake()) as made:
        yield made
