"""Settings come from environment, `.env` and YAML in this order; what is wrong falls back."""

import re
from pathlib import Path
from typing import ClassVar, Literal

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import Field, SecretStr

from notilog import config, sources
from notilog import settings as schema
from notilog.config import Section, Settings
from notilog.fallbacks import ConfigurationError
from notilog.notifications.channels.email import Config as EmailSettings
from notilog.ops.settings_reference import reference

REQUIRED = {
    "NOTILOG_DATABASE_URL": "postgresql://localhost/notilog",
    "NOTILOG_REDIS_URL": "redis://localhost/0",
    "NOTILOG_SECRET_KEY": "k" * 32,
}


class Kitchen(Section):
    """A room as the schema may hold."""

    section: ClassVar[str] = "kitchen"

    cooks: int = Field(2, ge=1, le=9)
    stove: Literal["gas", "coal"] = "gas"
    recipe: SecretStr = Field(SecretStr(""), max_length=8)


class Oven(Section):
    """A room within a room, one of whose settings is a word of Python's."""

    section: ClassVar[str] = "cellar.oven"

    heat: float = Field(180.0, gt=0)
    from_hour: int = Field(8, alias="from", ge=0, le=23)


SECTIONS: list[type[Section]] = [Kitchen, Oven]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def load(directory: Path) -> Settings:
    return config.load(SECTIONS, directory=directory)


def test_without_any_source_each_setting_has_its_default(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    assert loaded.section(Kitchen) == Kitchen()
    assert loaded.section(Oven).heat == 180.0
    assert loaded.fallbacks == ()
    assert loaded.core.broker == "redis://localhost/0"


def test_the_environment_is_stronger_than_dotenv_and_dotenv_than_yaml(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notilog.yaml").write_text("kitchen: {cooks: 3, stove: coal}\nlog_level: error\n")
    (tmp_path / ".env").write_text("NOTILOG_KITCHEN__COOKS=4\nNOTILOG_LOG_LEVEL=warning\n")
    environment.setenv("NOTILOG_LOG_LEVEL", "debug")
    loaded = load(tmp_path)
    assert loaded.section(Kitchen) == Kitchen(cooks=4, stove="coal")
    assert loaded.core.log_level == "debug"


def test_a_nested_room_and_an_alias_are_reached_from_the_environment(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_CELLAR__OVEN__HEAT", "99.5")
    environment.setenv("NOTILOG_CELLAR__OVEN__FROM", "6")
    assert load(tmp_path).section(Oven).heat == 99.5
    assert load(tmp_path).section(Oven).from_hour == 6


def test_another_yaml_file_may_be_named(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.yaml").write_text("kitchen: {cooks: 5}")
    environment.setenv("NOTILOG_CONFIG", str(tmp_path / "other.yaml"))
    assert load(tmp_path).section(Kitchen).cooks == 5


def test_an_empty_value_is_no_value(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("NOTILOG_KITCHEN__COOKS=\n")
    environment.setenv("NOTILOG_LOG_LEVEL", "")
    loaded = load(tmp_path)
    assert loaded.section(Kitchen).cooks == 2
    assert loaded.fallbacks == ()


def test_a_secret_may_stand_in_a_file(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    environment.delenv("NOTILOG_SECRET_KEY")
    (tmp_path / "key").write_text("f" * 40 + "\n")
    environment.setenv("NOTILOG_SECRET_KEY_FILE", str(tmp_path / "key"))
    assert load(tmp_path).core.secret_key.get_secret_value() == "f" * 40


@pytest.mark.parametrize(
    ("name", "value", "default"),
    [
        ("NOTILOG_KITCHEN__COOKS", "many", "2"),
        ("NOTILOG_KITCHEN__COOKS", "10", "2"),
        ("NOTILOG_KITCHEN__STOVE", "wood", "'gas'"),
        ("NOTILOG_CELLAR__OVEN__FROM", "24", "8"),
        ("NOTILOG_LOG_FORMAT", "xml", "'json'"),
    ],
)
def test_a_wrong_value_is_replaced_by_its_default_and_told(
    tmp_path: Path, environment: pytest.MonkeyPatch, name: str, value: str, default: str
) -> None:
    environment.setenv(name, value)
    (fallback,) = load(tmp_path).fallbacks
    assert fallback.setting == name
    assert fallback.value == repr(value)
    assert fallback.default == default
    assert name in str(fallback)


def test_the_others_in_a_room_keep_their_values_beside_a_wrong_one(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("NOTILOG_KITCHEN__COOKS", "0")
    environment.setenv("NOTILOG_KITCHEN__STOVE", "coal")
    assert load(tmp_path).section(Kitchen) == Kitchen(cooks=2, stove="coal")


@pytest.mark.parametrize("length", [7, 1025])
def test_a_password_that_nobody_could_set_otherwise_is_not_the_first_administrators(
    tmp_path: Path, environment: pytest.MonkeyPatch, length: int
) -> None:
    environment.setenv("NOTILOG_ADMIN_PASSWORD", "p" * length)
    loaded = load(tmp_path)
    assert loaded.core.admin_password is None
    assert [one.setting for one in loaded.fallbacks] == ["NOTILOG_ADMIN_PASSWORD"]
    assert "ppp" not in str(loaded.fallbacks)


def test_a_wrong_secret_is_not_told(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_KITCHEN__RECIPE", "much too long for it")
    (fallback,) = load(tmp_path).fallbacks
    assert "much too long" not in str(fallback)


@pytest.mark.parametrize(
    "content",
    [
        "kitchen: 5",
        "kitchen: {chairs: 4}",
        "garden: {trees: 2}",
        "kitchen: [1]",
        "kitchen: {1: 2}",
        "kitchen: {null: 2}",
        "on: 2",
        "2026-11-20: 2",
        "kitchen: {cooks: &itself {1: *itself}}",
    ],
)
def test_what_the_schema_does_not_know_is_dropped_and_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "notilog.yaml").write_text(content)
    loaded = load(tmp_path)
    assert loaded.section(Kitchen) == Kitchen()
    assert len(loaded.fallbacks) == 1


def test_strict_mode_refuses_a_wrong_value(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("NOTILOG_KITCHEN__COOKS", "many")
    environment.setenv("NOTILOG_STRICT_CONFIG", "1")
    with pytest.raises(ConfigurationError, match="NOTILOG_KITCHEN__COOKS"):
        load(tmp_path)


@pytest.mark.parametrize("name", REQUIRED)
def test_what_has_no_safe_default_must_be_set(
    tmp_path: Path, environment: pytest.MonkeyPatch, name: str
) -> None:
    environment.delenv(name)
    assert config.unset(SECTIONS, directory=tmp_path) == {name.removeprefix("NOTILOG_").lower()}
    with pytest.raises(ConfigurationError, match=f"{name} is not set"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NOTILOG_DATABASE_URL", "mysql://localhost/x"),
        ("NOTILOG_DATABASE_URL", "localhost:5432"),
        ("NOTILOG_DATABASE_URL", "postgresql://me:s3cret@a:5432,b:port/x"),
        ("NOTILOG_REDIS_URL", "redis://:s3cret@localhost:99999/0"),
        ("NOTILOG_BROKER_URL", "kafka://me:s3cret@localhost"),
        ("NOTILOG_SECRET_KEY", "s3cret"),
    ],
)
def test_a_wrong_value_without_a_safe_default_refuses_and_keeps_the_secret(
    tmp_path: Path, environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name) as refused:
        load(tmp_path)
    assert "s3cret" not in str(refused.value)


def test_several_hosts_may_stand_in_the_url(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    url = "postgresql://me:pw@a:5432,b:5433,[::1]:5434/x"
    environment.setenv("NOTILOG_DATABASE_URL", url)
    assert load(tmp_path).core.database_url.get_secret_value() == url


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("notilog.yaml", b"kitchen: {cooks: s3cret"),
        ("notilog.yaml", b"\xff\xfe\x00s3cret"),
        ("notilog.yaml", b"- s3cret"),
        ("notilog.yaml", b"s3cret: 2026-99-99"),
        (".env", b"NOTILOG_LOG_LEVEL=\xff\xfes3cret"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_line_without_its_content(
    tmp_path: Path, file: str, content: bytes
) -> None:
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ConfigurationError, match=file) as refused:
        load(tmp_path)
    assert "s3cret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_up_keeps_in_the_state_directory_is_weaker_than_every_source(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.delenv("NOTILOG_SECRET_KEY")
    (tmp_path / "notilog.yaml").write_text("log_level: error\n")
    (tmp_path / "state").mkdir()
    kept = f"NOTILOG_SECRET_KEY={'a' * 32}\nNOTILOG_LOG_LEVEL=debug\n"
    (tmp_path / "state" / "assumed.env").write_text(kept)
    environment.setenv("NOTILOG_STATE_DIR", str(tmp_path / "state"))
    assert load(tmp_path).core.secret_key.get_secret_value() == "a" * 32
    assert load(tmp_path).core.log_level == "error"
    assert config.unset(SECTIONS, directory=tmp_path) == {"secret_key"}


def test_an_empty_state_directory_says_nothing(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("NOTILOG_STATE_DIR", str(tmp_path / "nowhere"))
    assert load(tmp_path).fallbacks == ()


def test_a_setting_that_is_called_a_file_is_not_taken_for_a_secret_in_one(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("NOTILOG_CHANNELS__EMAIL__CA_FILE", "/etc/ssl/ours.pem")
    loaded = config.load(schema.SECTIONS, directory=tmp_path)
    assert loaded.section(EmailSettings).ca_file == "/etc/ssl/ours.pem"


@pytest.mark.parametrize("name", ["NOTILOG_CONFIG", "NOTILOG_SECRET_KEY_FILE"])
def test_a_named_file_that_is_missing_is_refused(
    tmp_path: Path, environment: pytest.MonkeyPatch, name: str
) -> None:
    environment.setenv(name, str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match="missing"):
        load(tmp_path)


def test_what_is_assumed_is_weaker_than_every_source(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.delenv("NOTILOG_SECRET_KEY")
    (tmp_path / "notilog.yaml").write_text("log_level: error\n")
    assumed = {"NOTILOG_SECRET_KEY": "a" * 32, "NOTILOG_LOG_LEVEL": "debug"}
    core = config.load(SECTIONS, directory=tmp_path, assumed=assumed).core
    assert core.secret_key.get_secret_value() == "a" * 32
    assert core.log_level == "error"


def test_the_sources_are_named(tmp_path: Path, environment: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").touch()
    state = tmp_path / "state"
    state.mkdir()
    (state / sources.ASSUMED).touch()
    environment.setenv("NOTILOG_NONE", "no such setting")
    environment.setenv("NOTILOG_STATE_DIR", str(state))
    environment.setenv("NOTILOG_ADMIN_PASSWORD_FILE", str(tmp_path / "password"))
    named = [str(tmp_path / ".env"), str(state / sources.ASSUMED)]
    assert sources.present(config.Core, directory=tmp_path) == ["environment (4 variables)", *named]
    environment.delenv("NOTILOG_STATE_DIR")
    assert sources.present(config.Core, directory=tmp_path)[1:] == named[:1]
    assert sources.present(config.Core, directory=tmp_path, state=state)[1:] == named


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=9)
    | st.dates()
)
keys = scalars | st.sampled_from(["cooks", "stove", "oven", "heat", "from"])
yaml_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner),
    max_leaves=8,
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(kitchen=yaml_values, cellar=yaml_values, other=keys)
def test_no_yaml_value_at_all_keeps_the_platform_from_starting(
    tmp_path: Path, kitchen: object, cellar: object, other: object
) -> None:
    content = {"kitchen": kitchen, "cellar": cellar, other: 1}
    (tmp_path / "notilog.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    loaded = load(tmp_path)
    assert 1 <= loaded.section(Kitchen).cooks <= 9


def test_every_setting_of_the_example_has_an_effect_in_the_environment(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    example = (Path(__file__).parents[2] / ".env.example").read_text()
    names = set(re.findall(r"^(?:# )?(NOTILOG_\w+)=", example, re.MULTILINE))
    names -= {"NOTILOG_CONFIG", "NOTILOG_STATE_DIR"}
    names -= {f"NOTILOG_{name}".upper() for name in config.WITHOUT_DEFAULT}
    for name in sorted(names):
        with environment.context() as alone:
            alone.setenv(name, "no value of this kind")
            loaded = config.load(schema.SECTIONS, directory=tmp_path)
        field = name.removeprefix("NOTILOG_").lower()
        refused = [fallback.setting for fallback in loaded.fallbacks]
        assert refused == [name] or _holds(loaded.core, field.split("__")), name


def _holds(model: object, path: list[str]) -> bool:
    """Whether this field has the value that the test gave it."""
    first, *rest = path
    fields = {field.alias or name: name for name, field in type(model).model_fields.items()}  # type: ignore[attr-defined]
    value = getattr(model, fields[first])
    if rest:
        return _holds(value, rest)
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    return bool(plain == "no value of this kind")


def test_the_example_names_every_setting_with_its_default() -> None:
    example = Path(__file__).parents[2] / ".env.example"
    assert example.read_text() == reference(schema.SECTIONS), (
        "bring it up to date: notilog settings > .env.example"
    )
