"""The walker: every mistake at once, with path, expected and found; never the value of a secret."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from serai.config import Secret
from serai.config.structuring import structure
from serai.config.texts import EnvText
from serai.errors import Mistake

HIDDEN = "hunter2-hunter2"


class Colour(Enum):
    RED = "red"
    GREEN = "green"


@attrs.frozen(kw_only=True)
class Part:
    n: Annotated[int, Meta(ge=1)]
    note: str = ""


@attrs.frozen(kw_only=True)
class Sample:
    """One field of every sort."""

    name: Annotated[str, Meta(min_length=2, max_length=5)]
    size: Annotated[int, Meta(ge=1, le=1000)] = 10
    ratio: float = 0.5
    on: bool = False
    driver: Literal["ehr_demo", "ehr_postgres"] = "ehr_demo"
    colour: Colour = Colour.RED
    parts: list[Part] = attrs.Factory(list)
    table: dict[str, int] = attrs.Factory(dict)
    password: Secret | None = None
    keys: tuple[Secret, ...] = ()
    wait: timedelta | None = None
    since: datetime | None = None
    folder: Path = Path()
    pct: int = attrs.field(default=1)
    low: int = 0
    high: int = attrs.field(default=10)

    @pct.validator
    def _check_pct(self, _: Any, value: int) -> None:
        if not 0 <= value <= 100:
            raise ValueError("integer, from 0 to 100")

    @high.validator
    def _check_high(self, _: Any, value: int) -> None:
        if value < self.low:
            raise ValueError("at least `low`")


class Query(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    q: Annotated[str, Meta(max_length=5)] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 50
    recursive: bool = False
    fields: list[str] = []
    until: datetime | None = None


class Cat(Struct, frozen=True, tag_field="kind", tag="cat", forbid_unknown_fields=True):
    lives: int


class Dog(Struct, frozen=True, tag_field="kind", tag="dog", forbid_unknown_fields=True):
    name: str


class Item(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    emplid_list: list[str]
    animal: Cat | Dog | None = None

    def __post_init__(self) -> None:
        if len(set(self.emplid_list)) < len(self.emplid_list):
            raise ValueError("each emplid once")


def mistakes_of(type_: Any, data: Any, **options: Any) -> dict[str, tuple[str, str]]:
    """`{dotted path: (expected, found)}`."""
    value, mistakes = structure(type_, data, **options)
    assert value is None or not mistakes
    return {mistake.dotted: (mistake.expected, mistake.found) for mistake in mistakes}


def test_values_of_every_sort_are_made() -> None:
    data = {
        "name": "abc",
        "size": 1000,
        "ratio": 2,
        "on": True,
        "driver": "ehr_postgres",
        "colour": "green",
        "parts": [{"n": 1}, {"n": 2, "note": "x"}],
        "table": {"a": 1},
        "password": "p",
        "keys": ["k1", "k2"],
        "wait": "PT30S",
        "since": datetime(2026, 11, 23, tzinfo=UTC),
        "folder": "/tmp/x",
        "pct": 100,
    }
    value, mistakes = structure(Sample, data)
    assert mistakes == []
    assert value == Sample(
        name="abc",
        size=1000,
        ratio=2.0,
        on=True,
        driver="ehr_postgres",
        colour=Colour.GREEN,
        parts=[Part(n=1), Part(n=2, note="x")],
        table={"a": 1},
        password=Secret("p"),
        keys=(Secret("k1"), Secret("k2")),
        wait=timedelta(seconds=30),
        since=datetime(2026, 11, 23, tzinfo=UTC),
        folder=Path("/tmp/x"),
        pct=100,
    )


def test_all_mistakes_are_reported_at_once() -> None:
    data = {
        "size": 0,
        "ratio": "half",
        "on": "true",
        "driver": "ehr_demmo",
        "colour": "blue",
        "parts": [{"n": 1}, {"n": 0}, {"note": 5}],
        "table": {"a": "x"},
        "wait": 30,
        "folder": 7,
        "pct": 101,
        "low": 20,
        "sise": 3,
    }
    assert mistakes_of(Sample, data) == {
        "name": ("text, from 2 to 5 characters", "nothing"),
        "size": ("integer, from 1 to 1000", "integer 0"),
        "ratio": ("number", 'text "half"'),
        "on": ("boolean (true or false)", 'text "true"'),
        "driver": ("one of: ehr_demo, ehr_postgres; did you mean ehr_demo?", 'text "ehr_demmo"'),
        "colour": ("one of: red, green", 'text "blue"'),
        "parts[1].n": ("integer, at least 1", "integer 0"),
        "parts[2].n": ("integer, at least 1", "nothing"),
        "parts[2].note": ("text", "integer 5"),
        "table.a": ("integer", 'text "x"'),
        "wait": ("duration, as PT30S", "integer 30"),
        "folder": ("path", "integer 7"),
        "pct": ("integer, from 0 to 100", "integer 101"),
        "high": ("at least `low`", "nothing"),
        "sise": (
            "one of: name, size, ratio, on, driver, colour, parts, table, password, keys, wait, since, folder, pct, "
            "low, high; did you mean size?",
            "unknown key",
        ),
    }


def test_a_validator_that_needs_a_wrong_field_is_left_out_and_the_others_run() -> None:
    assert mistakes_of(Sample, {"name": "abc", "low": "x", "high": -1, "pct": -1}) == {
        "low": ("integer", 'text "x"'),
        "pct": ("integer, from 0 to 100", "integer -1"),
    }


def test_an_attribute_error_of_a_validator_itself_is_not_hidden() -> None:
    def broken(_: Any, __: Any, value: int) -> None:
        assert value.nonsense

    cls = attrs.make_class("Broken", {"x": attrs.field(validator=broken, type=int)})
    with pytest.raises(AttributeError, match="nonsense"):
        structure(cls, {"x": 1})


def test_the_input_is_not_changed() -> None:
    data = {"name": "abc", "parts": [{"n": 0}, {"n": 1}], "table": {"a": 1}, "password": {"env": "X"}}
    before = copy.deepcopy(data)
    structure(Sample, data, environ={"X": "x"})
    assert data == before


def test_paths_start_where_the_caller_says() -> None:
    _, mistakes = structure(list[Part], [{"n": 0}], ("plugins", "isapi", "parts"))
    assert [m.dotted for m in mistakes] == ["plugins.isapi.parts[0].n"]
    assert [m.pointer for m in mistakes] == ["/plugins/isapi/parts/0/n"]


@pytest.mark.parametrize(
    "data",
    [
        {"password": [HIDDEN]},
        {"password": {"value": HIDDEN}},
        {"password": {"env": "X", "file": HIDDEN}},
        {"password": HIDDEN + "\0"},
        {"keys": HIDDEN},
        {"keys": {"a": HIDDEN}},
        {"keys": [[HIDDEN], HIDDEN]},
        {HIDDEN[:4]: HIDDEN},
    ],
)
def test_no_mistake_shows_a_secret(data: dict[str, Any]) -> None:
    for environ in (None, {"X": HIDDEN}):
        value, mistakes = structure(Sample, {"name": "abc", **data}, environ=environ)
        assert value is None
        assert mistakes
        assert HIDDEN not in repr(mistakes)


def test_a_secret_shorter_than_its_validator_wants_is_not_shown() -> None:
    def long(_: Any, __: Any, value: Secret) -> None:
        if len(value.reveal()) < 32:
            raise ValueError("text, at least 32 bytes")

    cls = attrs.make_class("Keyed", {"key": attrs.field(validator=long, type=Secret)})
    assert mistakes_of(cls, {"key": HIDDEN}) == {"key": ("text, at least 32 bytes", "text")}


def test_secrets_come_from_the_environment_and_from_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from file\n")
    data = {"name": "abc", "password": {"env": "X"}, "keys": [{"file": str(tmp_path / "key")}, "plain"]}
    value, mistakes = structure(Sample, data, environ={"X": "from env"})
    assert mistakes == []
    assert value is not None
    assert value.password == Secret("from env")
    assert value.keys == (Secret("from file"), Secret("plain"))


def test_a_reference_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "binary").write_bytes(b"\xff")
    keys = [{"env": "MISSING"}, {"env": "EMPTY"}, *({"file": str(tmp_path / n)} for n in ("none", "empty", "binary"))]
    found = mistakes_of(Sample, {"name": "abc", "keys": [*keys, "", {"envv": "X"}]}, environ={"EMPTY": ""})
    assert found == {
        "keys[0]": ("a secret in the environment variable MISSING", "no such variable"),
        "keys[1]": ("a secret in the environment variable EMPTY", "an empty variable"),
        "keys[2]": (f"a secret in the file {tmp_path}/none", "no such file or directory"),
        "keys[3]": (f"a secret in the file {tmp_path}/empty", "an empty file"),
        "keys[4]": (f"a secret in the file {tmp_path}/binary", "bytes that are not UTF-8"),
        "keys[5]": ("text that is not empty", "empty text"),
        "keys[6]": ('{ env = "NAME" } or { file = "/path" }', "an object of another form"),
    }


def test_a_request_cannot_name_a_file_or_a_variable() -> None:
    found = mistakes_of(Sample, {"name": "abc", "password": {"file": "/etc/hostname"}})
    assert found == {"password": ("text", "object")}


def test_texts_from_the_environment_are_converted_by_type() -> None:
    data = {
        "name": EnvText("123"),
        "size": EnvText("7"),
        "ratio": EnvText("1e-1"),
        "on": EnvText("true"),
        "colour": EnvText("green"),
        "parts": EnvText('[{"n": 3}]'),
        "table": EnvText('{"a": 1}'),
        "password": EnvText("secret"),
        "keys": EnvText("k1, k2"),
        "wait": EnvText("1.5"),
        "since": EnvText("2026-11-23T08:00:00Z"),
        "folder": EnvText("/srv"),
    }
    value, mistakes = structure(Sample, data)
    assert mistakes == []
    assert value == Sample(
        name="123",
        size=7,
        ratio=0.1,
        on=True,
        colour=Colour.GREEN,
        parts=[Part(n=3)],
        table={"a": 1},
        password=Secret("secret"),
        keys=(Secret("k1"), Secret("k2")),
        wait=timedelta(seconds=1.5),
        since=datetime(2026, 11, 23, 8, tzinfo=UTC),
        folder=Path("/srv"),
    )
    assert type(value.name) is str
    assert structure(list[str], EnvText("")) == ([], [])


@pytest.mark.parametrize("text", ["+1", " 1", "1_000", "0x10", "007", "1.0", "١", "", "yes"])
def test_only_plain_forms_of_numbers_and_booleans_are_taken(text: str) -> None:
    assert list(mistakes_of(Query, {"limit": text, "recursive": text}, lax=True)) == ["limit", "recursive"]
    assert list(mistakes_of(Sample, {"name": "abc", "size": EnvText(text)})) == ["size"]


def test_query_strings_are_converted_by_type_and_null_stays_a_text() -> None:
    data = {"q": "null", "limit": "5", "recursive": "true", "fields": "a,b", "until": "2026-11-23T08:00:00Z"}
    value, mistakes = structure(Query, data, lax=True)
    assert mistakes == []
    until = datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert value == Query(q="null", limit=5, recursive=True, fields=["a", "b"], until=until)
    assert mistakes_of(Query, {"until": "null"}, lax=True) == {
        "until": ("date and time, as 2026-11-23T08:00:00Z", 'text "null"')
    }


def test_a_query_does_not_convert_json() -> None:
    value, mistakes = structure(Query, {"fields": '["a"]'}, lax=True)
    assert (value, mistakes) == (Query(fields=['["a"]']), [])


def test_what_is_unknown_in_a_struct_is_a_mistake_and_a_repeated_parameter_too() -> None:
    assert mistakes_of(Query, {"limt": "5", "q": ["a", "b"]}, lax=True) == {
        "limt": ("one of: q, limit, recursive, fields, until; did you mean limit?", "unknown key"),
        "q": ("text, at most 5 characters", "list of 2"),
    }


def test_structs_keep_their_wire_names_tags_and_own_checks() -> None:
    value, mistakes = structure(Item, {"emplidList": ["1"], "animal": {"kind": "dog", "name": "Rex"}})
    assert (value, mistakes) == (Item(["1"], Dog("Rex")), [])
    assert mistakes_of(Item, {"emplidList": ["1", "1"]}) == {"": ("each emplid once", "object")}
    assert mistakes_of(Item, {"emplid_list": [], "animal": {"kind": "cow"}}) == {
        "emplidList": ("list of texts", "nothing"),
        "animal.kind": ("one of: cat, dog", 'text "cow"'),
        "emplid_list": ("one of: emplidList, animal; did you mean emplidList?", "unknown key"),
    }
    assert mistakes_of(Item, {"emplidList": [], "animal": {"kind": "cat", "lives": "nine"}}) == {
        "animal.lives": ("integer", 'text "nine"')
    }
    assert mistakes_of(Item, {"emplidList": [], "animal": {"kind": []}}).keys() == {"animal.kind"}


def test_a_union_reports_the_mistakes_of_the_type_that_was_meant() -> None:
    assert structure(int | Part, {"n": 4}) == (Part(n=4), [])
    assert mistakes_of(int | Part, {"n": 0}) == {"n": ("integer, at least 1", "integer 0")}
    assert mistakes_of(int | bool, "x") == {"": ("integer or boolean (true or false)", 'text "x"')}


def test_collections_are_limited_and_typed() -> None:
    assert structure(set[int], [1, 2, 1]) == ({1, 2}, [])
    assert structure(tuple[int, str], [1, "a"]) == ((1, "a"), [])
    assert mistakes_of(tuple[int, str], [1]) == {"": ("list, of exactly 2", "list of 1")}
    assert mistakes_of(Annotated[list[int], Meta(min_length=1, max_length=2)], [1, 2, 3]) == {
        "": ("list of integers, from 1 to 2 items", "list of 3")
    }
    assert mistakes_of(dict[str, int], [1]) == {"": ("object", "list of 1")}
    assert mistakes_of(Part, None) == {"": ("object", "null")}


def test_nul_is_refused_everywhere() -> None:
    assert mistakes_of(Query, {"q": "\0"}, lax=True) == {"q": ("text without U+0000", "text with U+0000")}
    nested = {"any": {"deep": ["ok", "a\0"], "\0": 1}}
    assert len(mistakes_of(dict[str, Any], nested)) == 2
    assert len(mistakes_of(dict[str, int], {"a\0": 1})) == 1
    assert mistakes_of(str, "\udc80") == {"": ("text in UTF-8", "text with bytes that are not UTF-8")}


def test_found_values_are_cut_and_cannot_fake_a_line() -> None:
    _, mistakes = structure(int, "x" * 100_000)
    assert mistakes == [Mistake((), "integer", 'text "' + "x" * 60 + '..." (100000 characters)')]
    assert mistakes_of(int, 'a\n2026-11-23 "error"') == {"": ("integer", r'text "a\u000a2026-11-23 \"error\""')}


def test_deeply_nested_data_is_walked() -> None:
    data: Any = "x"
    for _ in range(5000):
        data = [data]
    value, mistakes = structure(Any, data)
    assert value is data
    assert mistakes == []


def test_a_type_that_nobody_can_write_down_is_the_authors_error() -> None:
    with pytest.raises(TypeError, match="object is not a type"):
        structure(object, {})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["q", "limit", "recursive", "fields", "until", "x"]), inner, max_size=6)
        ),
        max_leaves=12,
    )
)
def test_the_walker_and_msgspec_agree_on_what_fits(data: Any) -> None:
    value, mistakes = structure(Query, data)
    try:
        expected = msgspec.convert(data, Query)
    except msgspec.ValidationError:
        assert mistakes
    else:
        nul = "\\u0000" in json.dumps(data)
        assert mistakes or value == expected
        assert bool(mistakes) == nul
