"""Whatever a program logs becomes a line that the server takes."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from notilog import settings as schema
from notilog.agent.attributes import CUT
from notilog.agent.lines import Origin, line_of
from notilog.logs.batch import Batch
from notilog.logs.intake import BY_LINE, Sent, accept

SHOP = Origin("shop", host="web-1")
MOMENT = datetime(2026, 11, 20, 10, 0, 0, 250_001, tzinfo=UTC)


class Broken:
    """An object whose texts cannot be made."""

    def __str__(self) -> str:
        raise RuntimeError("secret")

    __repr__ = __str__


@pytest.fixture(autouse=True, scope="module")
def _limits() -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NOTILOG_DATABASE_URL", "postgresql://localhost/notilog")
        environment.setenv("NOTILOG_REDIS_URL", "redis://localhost")
        environment.setenv("NOTILOG_SECRET_KEY", "a secret key that is only used by the tests")
        schema.load()


def record(message: object = "m", *arguments: object, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("shop.cart", logging.INFO, __file__, 1, "", arguments, None)
    made.msg = message
    made.created = MOMENT.timestamp()
    vars(made).update(fields)
    return made


def taken(made: logging.LogRecord, origin: Origin = SHOP) -> dict[str, Any]:
    """The line's fields, once the server's own intake has taken it."""
    line = line_of(made, origin)
    assert b"\n" not in line
    batch: Batch = accept(Sent(line, BY_LINE[0]), now=MOMENT)
    assert batch.rejects == ()
    assert batch.records == 1
    fields: dict[str, Any] = json.loads(line)
    return fields


def test_every_field_is_filled() -> None:
    origin = Origin("shop", None, "web-1", "checkout", "production")
    fields = taken(record("order %d paid", 17, order=17, trace_id="t", request_id=5), origin)
    assert UUID(fields.pop("id")).version == 7
    assert fields == {
        "ts": "2026-11-20T10:00:00.250001+00:00",
        "level": 20,
        "project": "shop",
        "module": "shop.cart",
        "message": "order 17 paid",
        "logger": "shop.cart",
        "host": "web-1",
        "service": "checkout",
        "environment": "production",
        "trace_id": "t",
        "request_id": "5",
        "attrs": {"order": 17},
    }


def test_a_fixed_module_stands_beside_the_loggers_name() -> None:
    fields = taken(record(), Origin("shop", "web"))
    assert (fields["module"], fields["logger"]) == ("web", "shop.cart")


def test_ids_follow_the_records_own_times() -> None:
    earlier = taken(record(created=MOMENT.timestamp() - 0.000_003))["id"]
    assert earlier < taken(record())["id"]
    assert taken(record())["id"] != taken(record())["id"]


@pytest.mark.parametrize(("level", "sent"), [(0, 1), (-5, 1), (35, 35), (1000, 100)])
def test_any_number_is_a_level(level: int, sent: int) -> None:
    assert taken(record(levelno=level))["level"] == sent


@pytest.mark.parametrize("name", ["", "root", "n" * 300, "a\0b", "\ud800"])
def test_any_name_is_a_module(name: str) -> None:
    assert taken(record(name=name))["module"]


def test_an_exception_and_a_stack_become_the_stack_trace() -> None:
    try:
        int(cast("str", Broken()))
    except TypeError as error:
        error.args = (Broken(),)
        fields = taken(record(exc_info=sys.exc_info(), stack_info="Stack: here"))
    assert fields["stack_trace"].startswith("Traceback (most recent call last)")
    assert fields["stack_trace"].endswith("Stack: here")
    assert "stack_trace" not in taken(record(exc_info=(None, None, None)))


@pytest.mark.parametrize(
    ("message", "arguments"),
    [(Broken(), ()), ("%s", (Broken(),)), ("%d", ("x",)), ("%s %s", ("x",)), ("%(a)s", ({},))],
)
def test_a_message_that_cannot_be_made_is_said_to_be_one(
    message: object, arguments: tuple[object, ...]
) -> None:
    fields = taken(record(message, *arguments))
    assert "while the message was made" in fields["message"]


def test_a_formatter_makes_the_message_alone() -> None:
    made = record("paid", exc_info=(ValueError, ValueError("x"), None))
    line = line_of(made, SHOP, formatter=logging.Formatter("%(levelname)s: %(message)s"))
    assert json.loads(line)["message"] == "INFO: paid"
    assert made.exc_info is not None


@pytest.mark.parametrize("letter", ["a", "é", "🎉", '"', "\x01", "\0", "\ud800"])
def test_what_is_too_long_is_cut_and_marked(letter: str) -> None:
    long = letter * 70_000
    trace = f"{long}: the reason"
    fields = taken(record(long, exc_text=trace, first=1, long=long, more=long, last=2))
    assert fields["message"].startswith(letter if letter.isprintable() else "")
    assert "[cut, of 70000 characters]" in fields["message"]
    assert fields["stack_trace"].endswith(": the reason")
    assert fields["stack_trace"].startswith("[cut")
    attrs = fields["attrs"]
    assert "characters]" in attrs["long"]
    assert attrs["first"] == 1
    assert "last" in attrs or attrs[CUT] >= 1


def test_what_json_has_not_is_shown_by_its_repr() -> None:
    loop: list[object] = []
    loop.extend([loop] * 50)
    fields = taken(
        record(
            a={1: (1, {2})}, b=Broken(), c=float("nan"), d=2**70, e=b"x", f=loop, g=10**5000, h=None
        )
    )
    attrs = fields["attrs"]
    assert attrs["a"] == {"1": [1, "{2}"]}
    assert attrs["b"] == "<Broken that cannot be shown>"
    assert (attrs["c"], attrs["d"], attrs["e"], attrs["h"]) == ("nan", str(2**70), "b'x'", None)
    assert attrs["g"] == "<int that cannot be shown>"
    assert str(attrs["f"]).startswith("[[")


def test_very_many_attributes_are_counted() -> None:
    attrs = taken(record(**{f"name{number}": number for number in range(9000)}))["attrs"]
    assert attrs[CUT] + len(attrs) - 1 == 9000


@examples(max_examples=40)
@given(
    st.dictionaries(
        st.text(max_size=20).map(lambda name: f"x{name}"),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
            max_leaves=20,
        ),
        max_size=8,
    ),
    st.text(st.characters()),
)
def test_any_attributes_and_any_message_are_taken(extra: dict[str, Any], message: str) -> None:
    taken(record(message, **extra))
