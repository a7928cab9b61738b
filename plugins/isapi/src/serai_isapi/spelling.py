"""How a name is read aloud, and by which beginnings it is found."""

from __future__ import annotations

import asyncio
import re

import asyncpg
import attrs

from serai_isapi.surnames import COMPOUND, SINGLE

EDITION = 1
"""Raise it when a name would be spelled otherwise than before: kept spellings are then made anew."""

SLICE = 500
"""Names that are spelled (20 ms) before others may run."""

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
_WORDS = re.compile(r"[\w-]+")


@attrs.frozen
class Spelling:
    """`张伟国`: pinyin `zhang wei guo`, initials `zwg`, and the keys that a search begins with, `|` between them."""

    pinyin: str | None
    initials: str | None
    keys: str


def spell(name: str) -> Spelling:
    """Spell a display name. One in another script than Han has no pinyin; its words are its keys."""
    if _HAN.fullmatch(name):
        syllables = _syllables(name)
        tails = range(len(syllables))
        keys = [name[at:] for at in range(len(name))]
        keys += ["".join(syllables[at:]) for at in tails]
        keys += ["".join(syllable[0] for syllable in syllables[at:]) for at in tails]
        return Spelling(" ".join(syllables), "".join(syllable[0] for syllable in syllables), "|".join(keys))
    words = _WORDS.findall(name.lower())
    initials = "".join(word[0] for word in words)
    return Spelling(None, initials or None, "|".join([*words, initials]))


def _syllables(name: str) -> list[str]:
    if name[:2] in COMPOUND:
        return [*COMPOUND[name[:2]].split(), *_read(name[2:])]
    if name[0] in SINGLE:
        return [SINGLE[name[0]], *_read(name[1:])]
    return _read(name)


def _read(characters: str) -> list[str]:
    from pypinyin import lazy_pinyin  # 50 MiB of dictionaries: only where names are spelled

    return list(lazy_pinyin(characters))


async def spell_new_names(connection: asyncpg.Connection) -> None:
    """Keep a spelling of every display name in `isapi.name`, and none of names that nobody bears."""
    await connection.execute("delete from isapi.spelling where edition <> $1", EDITION)
    await connection.execute(
        "delete from isapi.spelling s"
        " where not exists (select from isapi.name n where coalesce(n.name_ac, n.name) = s.name)"
    )
    rows = await connection.fetch(
        "select distinct coalesce(name_ac, name) as name from isapi.name n where coalesce(name_ac, name) is not null"
        " and not exists (select from isapi.spelling s where s.name = coalesce(n.name_ac, n.name))"
    )
    names = [row["name"] for row in rows]
    for start in range(0, len(names), SLICE):
        spelled = [(name, EDITION, *attrs.astuple(spell(name))) for name in names[start : start + SLICE]]
        await connection.copy_records_to_table(
            "spelling", schema_name="isapi", records=spelled, columns=["name", "edition", "pinyin", "initials", "keys"]
        )
        await asyncio.sleep(0)
