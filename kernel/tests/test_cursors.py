"""Cursors: only what we made, for what we made it, while it lasts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serai.errors import SeraiError
from serai.web.cursors import DAY, LIFETIME, CursorRefused, Cursors

NOON = 20_000 * DAY + DAY // 2


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def cursors(*keys: bytes, clock: Clock | None = None) -> Cursors:
    return Cursors(keys or (b"k" * 32,), clock=clock or Clock(NOON))


def refusal(opener: Cursors, query: bytes, cursor: str) -> str:
    with pytest.raises(CursorRefused) as raised:
        opener.open(query, cursor)
    (mistake,) = raised.value.members["errors"]
    assert mistake["pointer"] == "/cursor"
    return raised.value.sentence


json_values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20)


@given(st.lists(json_values, max_size=4), st.binary(max_size=50))
def test_a_position_comes_back(position, query):
    both = cursors()
    assert both.open(query, both.make(query, position)) == position


@given(st.data())
def test_any_other_character_is_damage(data):
    both = cursors()
    cursor = both.make(b"q", ["张伟", 7])
    at = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.characters(exclude_characters=cursor[at]))
    assert "damaged" in refusal(both, b"q", cursor[:at] + other + cursor[at + 1 :])


@given(st.text())
def test_any_text_is_opened_or_refused(text):
    assert "damaged" in refusal(cursors(), b"q", text)


def test_an_added_padding_is_damage():
    both = cursors()
    assert "damaged" in refusal(both, b"q", both.make(b"q", [1]) + "=")


def test_a_cursor_of_another_query_is_told_apart():
    both = cursors()
    assert "another query" in refusal(both, b"other", both.make(b"q", [1]))


def test_a_cursor_expires():
    clock = Clock(NOON)
    both = cursors(clock=clock)
    cursor = both.make(b"q", [1])
    clock.now += LIFETIME
    assert both.open(b"q", cursor) == [1]
    clock.now += DAY
    assert "expired" in refusal(both, b"q", cursor)


def test_a_page_has_the_same_cursor_all_day_so_that_its_etag_stays():
    clock = Clock(NOON)
    both = cursors(clock=clock)
    cursor = both.make(b"q", [1])
    clock.now += DAY // 2 - 1
    assert both.make(b"q", [1]) == cursor


def test_keys_rotate():
    old, new = cursors(b"old"), cursors(b"new", b"old")
    assert new.open(b"q", old.make(b"q", [1])) == [1]
    assert "damaged" in refusal(old, b"q", new.make(b"q", [1]))


def test_without_a_key_there_are_no_cursors():
    with pytest.raises(SeraiError, match="key"):
        Cursors([])
