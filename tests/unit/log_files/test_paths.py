"""Names of files: whatever a record says, they stay inside and differ."""

import posixpath
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notilog.logs.files import paths
from notilog.logs.files.paths import Template, closed, closed_at, is_archive, is_proper, safe

AT = datetime(2026, 1, 20, 10, 15, tzinfo=UTC)
NASTY = st.text(st.sampled_from("./\\~@%-\0\n a\u00c5\u212bи́"), max_size=12)
ANYTHING = st.text(max_size=300) | NASTY


@given(ANYTHING)
@example("../../etc/passwd")
@example("..")
@example(".")
@example("a\0b")
@example(".ssh")
@example("~root")
@example("\ud800")
@example("я" * 200)
def test_a_value_is_one_harmless_part_of_a_name(value: str) -> None:
    part = safe(value, room=80)
    assert part.isprintable()
    assert not part.startswith(".")
    assert not set(part) & set("/\\@\0 ")
    assert 0 < len(part.encode()) <= 80
    assert is_proper(part)


@given(ANYTHING, ANYTHING)
@example("", "-")
@example("a/b", "a%2Fb")
@example(".a", "%2Ea")
@example("A", "a")
@example("\u00c5", "\u212b")
@example("x" * 300, "x" * 301)
@example("é", "e\u0301")
def test_other_values_have_other_names(one: str, other: str) -> None:
    same = one == other or {one, other} == {""}
    assert (safe(one, room=80) == safe(other, room=80)) == same


def test_a_cut_name_is_none_that_a_record_can_have() -> None:
    cut = safe("x" * 300, room=80)
    assert "~" in cut
    assert safe(cut, room=200) != cut


@given(ANYTHING, ANYTHING)
def test_every_name_is_below_the_folder(project: str, module: str) -> None:
    name = Template("{project}/{module}.log").name((project, module))
    assert posixpath.normpath(name) == name
    assert name.count("/") == 1
    assert is_proper(name)
    assert closed_at(name) is None
    assert max(len(part.encode()) for part in closed(name, at=AT, number=1).split("/")) < 240


def test_letters_stay_as_they_are() -> None:
    template = Template("{project}/{date}/{module}-{level}.log")
    assert template.fields == ("project", "date", "module", "level")
    values = ("Магазин", "2026-01-20", "cart_2.x", "error")
    assert template.name(values) == "Магазин/2026-01-20/cart_2.x-error.log"
    assert template.project_folder("a/b") == "a%2Fb/"
    assert template.name(("", "2026-01-20", "-", None)) == "-/2026-01-20/%2D--.log"


def test_a_template_without_a_folder_for_each_project() -> None:
    assert Template("{project}.log").project_folder("shop") is None
    assert Template("all/{project}/{module}.log").project_folder("shop") is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "/", "/var/log/{module}", "../{module}", "a//b", "{module}/", ".{module}", "a/./b"),
        *("{module", "{message}.log", "{module!r}", "{module:8}", "{module.x}", "{0}", "{}"),
        *("{module}@x", "a%2f{module}", "~{module}", "{{module}}", "a\\{module}", "a\0{module}"),
        *("x" * 190 + "{module}", "{project}{module}{level}{host}{service}{logger}", " {module}"),
    ],
)
def test_a_template_that_could_lead_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be|may have|is too long|is not a template"):
        Template(text)


def test_a_closed_file_says_when_it_was_closed() -> None:
    moscow = AT.astimezone(timezone(timedelta(hours=3)))
    name = closed("shop/cart.log", at=moscow, number=7)
    assert name == "shop/cart@20260120T101500Z-007.log"
    assert closed_at(name) == AT
    assert closed_at(name + paths.ARCHIVE) == AT
    assert is_archive(name + paths.ARCHIVE)
    assert not is_archive(name)
    assert not is_archive("shop/cart.zst")
    assert closed("shop/cart", at=AT, number=1000) == "shop/cart@20260120T101500Z-1000"
    assert closed_at("shop/cart@20260120T101500Z-1000") == AT
    assert closed_at(closed(paths.OTHER, at=AT, number=1)) == AT


@pytest.mark.parametrize(
    "name", [paths.OTHER, "a@b.log", "a@20269999T999999Z-001.log", "b@20260120T101500Z-001/a.log"]
)
def test_other_files_are_not_closed(name: str) -> None:
    assert closed_at(name) is None


@pytest.mark.parametrize(
    "name", ["", "/", "..", "a/../b", "a//b", "/a", "a/", ".live/x", "a/.x", "a\0", "a\n"]
)
def test_names_that_are_none_of_ours(name: str) -> None:
    assert not is_proper(name)
