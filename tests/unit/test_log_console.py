"""Records look as configured, and never give the terminal an order."""

import io
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from rich.color import ColorSystem
from rich.console import Console

from notilog import config
from notilog.fallbacks import ConfigurationError
from notilog.logs.console import Formatter, as_json, color_system
from notilog.logs.escapes import safe
from notilog.logs.limits import LogsSettings
from notilog.logs.looks import MODULES, ConsoleSettings
from notilog.logs.stored import StoredRecord

NOON = datetime(2026, 11, 20, 12, 0, 0, 250_999, tzinfo=UTC)
RED = "\x1b[1;31m"
RESET = "\x1b[0m"


def record(**fields: Any) -> StoredRecord:
    return StoredRecord(
        **{
            "id": UUID(int=7),
            "ts": NOON,
            "level": 40,
            "project": "shop",
            "module": "cart",
            "message": "order refused",
            **fields,
        }
    )


def looks(*modules: object, **fields: Any) -> ConsoleSettings:
    return ConsoleSettings.model_validate(
        {"modules": modules or MODULES, "timezone": "UTC", **fields}
    )


def plain(settings: ConsoleSettings, shown: StoredRecord) -> str:
    return Formatter(settings, colors=None).text(shown)


def painted(settings: ConsoleSettings, shown: StoredRecord) -> str:
    return Formatter(settings, colors=ColorSystem.STANDARD).text(shown)


def test_a_line_by_default() -> None:
    shown = record(attrs={"order": 18, "paid": False, "who": "Ann", "why": "no money", "n": None})
    assert plain(looks(), shown) == (
        "2026-11-20 12:00:00.250 ERROR    shop/cart order refused"
        ' order=18 paid=false who=Ann why="no money" n=null'
    )


def test_a_stack_trace_stands_below_and_indented() -> None:
    shown = record(stack_trace="Traceback:\r\n\tFile x\n\x1b[2Jend\n")
    assert plain(looks("message", "stack_trace"), shown).split("\n") == [
        "order refused",
        "    Traceback:",
        "        File x",
        "    \\x1b[2Jend",
    ]
    assert plain(looks("stack_trace", "message"), shown).startswith("order refused\n    Traceback:")
    assert plain(looks("message"), shown) == "order refused"


def test_modules_come_in_their_order_and_can_be_left_out() -> None:
    shown = record(host="web-1", attrs={"order": 18, "to": {"city": "Ob"}})
    settings = looks(
        "message",
        {"name": "level", "enabled": False},
        {"name": "attrs.order", "separator": " #"},
        "host",
        "logger",
        "attrs",
        separator=" | ",
    )
    assert plain(settings, shown) == 'order refused #18 | web-1 | to={"city":"Ob"}'


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ({"name": "host", "width": 8}, "web-1   |"),
        ({"name": "host", "width": 8, "align": "right"}, "   web-1|"),
        ({"name": "host", "width": 8, "align": "center"}, " web-1  |"),
        ({"name": "host", "width": 3}, "web-1|"),
        ({"name": "host", "width": 3, "cut": True}, "we…|"),
        ({"name": "service", "width": 5, "cut": True}, "日本…|"),
        ({"name": "service", "width": 8}, "日本語  |"),
        ({"name": "logger", "width": 3}, "   |"),
    ],
)
def test_columns_have_widths(module: dict[str, Any], text: str) -> None:
    end = {"name": "attrs.end", "separator": ""}
    shown = record(host="web-1", service="日本語", attrs={"end": "|"})
    assert plain(looks(module, end), shown) == text


@pytest.mark.parametrize(
    ("time_format", "zone", "text"),
    [
        ("%H:%M:%S.%L", "UTC", "12:00:00.250"),
        ("%L|%f|%L", "UTC", "250|250999|250"),
        ("%d.%m. %H:%M %z", "Europe/Paris", "20.11. 13:00 +0100"),
    ],
)
def test_the_time_has_a_format_and_a_zone(time_format: str, zone: str, text: str) -> None:
    assert plain(looks("time", time_format=time_format, timezone=zone), record()) == text


def test_the_first_hour_of_all_is_shown_in_any_zone() -> None:
    first = record(ts=datetime(1, 1, 1, tzinfo=UTC))
    assert "01-01 00:00" in plain(looks("time", timezone="America/New_York"), first)
    last = record(ts=datetime.max.replace(tzinfo=timezone(timedelta(0))))
    assert "12-31 23:59" in plain(looks("time", timezone="Asia/Tokyo"), last)


def test_levels_and_modules_have_styles() -> None:
    assert f"{RED}ERROR   {RESET}" in painted(looks(), record())
    everything = {
        "color": "green",
        "background": "bright_white",
        "bold": True,
        "italic": True,
        "strike": True,
        "underline": True,
    }
    settings = looks({"name": "message", "style": everything})
    assert painted(settings, record()) == f"\x1b[1;3;4;9;32;107morder refused{RESET}"


def test_a_module_may_follow_the_level_and_keep_its_own_style() -> None:
    message = {"name": "message", "level_style": True, "style": {"underline": True, "bold": False}}
    settings = looks(message, levels={"info": {"color": "magenta"}})
    assert painted(settings, record()) == f"\x1b[4;31morder refused{RESET}"
    assert painted(settings, record(level=20)) == f"\x1b[4;35morder refused{RESET}"


@given(st.text(st.characters(codec="utf-8")))
def test_nothing_of_a_record_orders_the_terminal_about(text: str) -> None:
    shown = record(
        project=text, module=text, message=text, host=text, stack_trace=text, attrs={text: [text]}
    )
    settings = looks(*MODULES, "host")
    written = plain(settings, shown)
    assert all(safe(line) == line for line in written.split("\n"))
    lines = text.replace("\r\n", "\n").rstrip("\n").count("\n") + 1
    assert written.count("\n") == (lines if text else 0)
    line = as_json(shown)
    assert safe(line) == line
    assert json.loads(line)["message"] == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m \x7f \u2028 \u202e", "\\x9b31m \\x7f \\u2028 \\u202e"),
        ("C:\\new 🎉 👩‍💻 €", "C:\\new 🎉 👩‍💻 €"),
    ],
)
def test_control_characters_are_shown_escaped(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_json_has_every_field_and_the_name_of_the_level() -> None:
    made = json.loads(as_json(record(attrs={"a": 1})))
    assert made["level"] == "error"
    assert made["ts"] == "2026-11-20T12:00:00.250999Z"
    assert made["id"] == str(UUID(int=7))
    assert made["attrs"] == {"a": 1}
    assert set(made) == set(StoredRecord.__struct_fields__)


def test_no_colours_unless_a_terminal_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert color_system(Console(file=io.StringIO())) is None
    assert color_system(Console(force_terminal=True)) == ColorSystem.STANDARD
    assert color_system(Console(force_terminal=True, no_color=True)) is None
    monkeypatch.setenv("NO_COLOR", "1")
    assert color_system(Console(force_terminal=True)) is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"modules": ["time", "colour"]}, ("modules.1", "no such module: 'colour'")),
        ({"modules": ["attrs."]}, ("modules.0", "no such module")),
        ({"modules": ["time", "time"]}, ("modules", "named twice")),
        (
            {"modules": [{"name": "time", "style": {"color": "rde"}}]},
            ("modules.0.style.color", "no such colour: 'rde'"),
        ),
        ({"modules": [{"name": "time", "size": 3}]}, ("modules.0.size",)),
        ({"modules": [{"name": "time", "cut": True}]}, ("modules.0", "cut needs a width")),
        ({"levels": {"loud": {}}}, ("levels.loud",)),
        ({"levels": {"error": {"background": "#12"}}}, ("levels.error.background",)),
        ({"timezone": "Mars/Base"}, ("timezone", "IANA")),
        ({"separator": "\n"}, ("separator", "control characters")),
        ({"time_format": "%n"}, ("time_format", "control characters")),
    ],
)
def test_what_is_not_understood_is_refused_by_name(
    fields: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationError) as refused:
        ConsoleSettings.model_validate(fields)
    told = [
        f"{'.'.join(map(str, error['loc']))} {error['msg']}".replace(".[key]", "")
        for error in refused.value.errors()
    ]
    assert len(told) == 1, told
    for word in words:
        assert word in told[0]


@pytest.fixture
def required(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("NOTILOG_DATABASE_URL", "postgresql://localhost/notilog")
    monkeypatch.setenv("NOTILOG_REDIS_URL", "redis://localhost/0")
    monkeypatch.setenv("NOTILOG_SECRET_KEY", "k" * 32)
    return monkeypatch


def test_yaml_configures_it_and_what_is_wrong_is_named(
    tmp_path: Path, required: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notilog.yaml").write_text(
        "logs:\n"
        "  console:\n"
        "    timezone: UTC\n"
        "    modules: [time, {name: message, style: {color: rde}}, lvl]\n"
    )
    loaded = config.load([ConsoleSettings], directory=tmp_path)
    assert loaded.section(ConsoleSettings).timezone == "UTC"
    assert [module.name for module in loaded.section(ConsoleSettings).modules] == MODULES
    (fallback,) = loaded.fallbacks
    assert fallback.setting == "NOTILOG_LOGS__CONSOLE__MODULES"
    assert "1.style.color: no such colour: 'rde'" in fallback.reason
    assert "2.name: no such module: 'lvl'" in fallback.reason
    required.setenv("NOTILOG_STRICT_CONFIG", "true")
    with pytest.raises(ConfigurationError, match=r"LOGS__CONSOLE__MODULES.*no such colour"):
        config.load([ConsoleSettings], directory=tmp_path)


def test_the_example_of_the_documentation_is_understood(
    tmp_path: Path, required: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "console.md").read_text()
    (tmp_path / "notilog.yaml").write_text(page.partition("```yaml\n")[2].partition("```")[0])
    loaded = config.load([LogsSettings, ConsoleSettings], directory=tmp_path)
    assert loaded.fallbacks == ()
    shown = record(attrs={"order": 5, "to": "Ob"}, level=30)
    assert plain(loaded.section(ConsoleSettings), shown) == (
        "13:00:00.250 │  WARNING │ shop         │ order refused #5 │ to=Ob"
    )


def test_the_environment_configures_it_by_json(
    tmp_path: Path, required: pytest.MonkeyPatch
) -> None:
    required.setenv("NOTILOG_LOGS__CONSOLE__MODULES", '["level", {"name": "attrs.order"}]')
    required.setenv("NOTILOG_LOGS__CONSOLE__LEVELS", '{"error": {"color": "#ff8800"}}')
    settings = config.load([ConsoleSettings], directory=tmp_path).section(ConsoleSettings)
    assert plain(settings, record(attrs={"order": 5})) == "ERROR    5"
    assert settings.levels["error"].color == "#ff8800"
    assert settings.levels["warning"].color == "yellow"
