"""What every type of frame keeps to."""

import msgspec
import pytest

from api.sockets.handlers import HANDLERS
from api.sockets.topics import TOPICS
from notilog.errors import Invalid
from notilog.realtime.protocol import Frame, decoded
from notilog.users.caller import SCOPES


@pytest.mark.parametrize("name", HANDLERS)
def test_a_handler_names_its_frame_and_refuses_fields_that_it_does_not_know(name: str) -> None:
    handler = HANDLERS[name]
    assert issubclass(handler.frame, Frame)
    text = msgspec.json.encode({"type": name, "unheard": 1}).decode()
    with pytest.raises(Invalid):
        decoded(text, handler.frame)


@pytest.mark.parametrize("name", TOPICS)
def test_a_topic_is_read_by_its_name_and_needs_a_right(name: str) -> None:
    assert TOPICS[name].shape.topic == name
    assert TOPICS[name].scope in SCOPES
    assert "GET /api/v1/" in TOPICS[name].advice
