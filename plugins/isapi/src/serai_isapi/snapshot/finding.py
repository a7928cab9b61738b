"""Finding people in a snapshot: the condition that fewest people meet says whom to look at, the others are tried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice

from serai_isapi.directory import Filter, search_words
from serai_isapi.snapshot.person import BAR, BRANCH, DEPARTMENT, KEY, LOCATION, MANAGER, STATUS, Person, prefix
from serai_isapi.snapshot.snapshot import Snapshot

MOST_REPORTS = 1000
"""People below somebody who are looked for in memory; those of a vice president are the database's work."""
MOST_LOOKED_AT = 3000
"""People who are looked at for one answer, in some 5 ms; a search that needs more is the database's work too."""


def find(snapshot: Snapshot, wanted: Filter, *, limit: int, after: str | None) -> list[Person] | None:
    """At most `limit` people in the order of their emplids, from beyond `after` on; None: better ask the database."""
    if "leaver" in wanted.statuses:
        return None
    words = [word.encode() for word in search_words(wanted.q)] if wanted.q is not None else []
    if wanted.q is not None and not words:
        return []
    begin = b"" if after is None else after.encode()
    candidates: Iterable[bytes]
    if wanted.under is not None:
        below = _below(snapshot, wanted.under)
        if below is None:
            return None
        candidates = [emplid for emplid in sorted(below) if emplid > begin]
    else:
        candidates = _candidates(snapshot, wanted, words, limit, begin)
    looked_at = iter(candidates)
    people = snapshot.people.known(islice(looked_at, MOST_LOOKED_AT))
    found = list(islice(_fitting(people, wanted, words), limit))
    return None if len(found) < limit and next(looked_at, None) is not None else found


def _candidates(snapshot: Snapshot, wanted: Filter, words: list[bytes], limit: int, begin: bytes) -> Iterable[bytes]:
    """Emplids in their order, from beyond `begin` on, with all that are wanted among them."""
    index = snapshot.index
    prefixes = _prefixes(wanted)
    few = sum(map(index.about, prefixes))
    if words:
        keys = [KEY + word for word in words]
        rarest = min(keys, key=index.about)
        rare = index.about(rarest)
        # They come in the order of the keys and must all be sorted; of the others some may fill the page.
        if rare < few and rare < MOST_LOOKED_AT and rare * rare < limit * few:
            found = {line[line.index(BAR) + 1 :] for line in index.starting_with(rarest)}
            return sorted(emplid for emplid in found if emplid > begin)
    if len(prefixes) == 1:
        return index.starting_with(prefixes[0], after=begin)
    return merge(*(index.starting_with(one, after=begin) for one in prefixes))


def _prefixes(wanted: Filter) -> list[bytes]:
    """Of the conditions that the index knows by value, the one that is likely to be met by the fewest people."""
    if wanted.manager is not None:
        return [prefix(MANAGER, wanted.manager)]
    if wanted.dept is not None:
        return [prefix(BRANCH if wanted.recursive else DEPARTMENT, wanted.dept)]
    if wanted.location is not None:
        return [prefix(LOCATION, wanted.location)]
    return [prefix(STATUS, status) for status in dict.fromkeys(wanted.statuses)]


def _fitting(people: Iterator[Person], wanted: Filter, words: list[bytes]) -> Iterator[Person]:
    """Those of the people who meet every condition but `under`."""
    statuses = frozenset(wanted.statuses)
    people = (person for person in people if person.status in statuses)
    if (dept := wanted.dept) is not None:
        if wanted.recursive:
            people = (person for person in people if dept in person.path)
        else:
            people = (person for person in people if person.deptid == dept)
    if (location := wanted.location) is not None:
        people = (person for person in people if person.location == location)
    if (manager := wanted.manager) is not None:
        people = (person for person in people if person.manager == manager)
    if words:
        keys = [b"|" + word for word in words]
        people = (person for person in people if all(key in person.keys for key in keys))
    return people


def _below(snapshot: Snapshot, emplid: str) -> set[bytes] | None:
    """Everybody whose chain of managers leads to that person, who is not among them; None where they are many."""
    top = emplid.encode()
    found = {top}
    waiting = [emplid]
    while waiting:
        for report in snapshot.index.starting_with(prefix(MANAGER, waiting.pop())):
            if report not in found:
                found.add(report)
                waiting.append(report.decode())
        if len(found) > MOST_REPORTS:
            return None
    return found - {top}
