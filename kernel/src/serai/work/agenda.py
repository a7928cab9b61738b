"""Which job is to be looked at when: a heap, so that a wake with nothing to do costs nothing. No clock of its own."""

from __future__ import annotations

import asyncio
import heapq
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

import attrs

from serai.declarations import Job
from serai.work.active import ActiveRun
from serai.work.schedule import Schedule

MISFIRE_AFTER = timedelta(seconds=30)
"""A tick that could not start a run within this time was missed."""


@attrs.frozen
class Due:
    """A tick that is to start a run, and why: `schedule`, or `catch-up` where it is late or stands for several."""

    tick: datetime
    cause: str


@attrs.define(eq=False, kw_only=True)
class Entry:
    """One job of one running plugin."""

    plugin: str
    version: str
    job: Job
    schedule: Schedule
    ctx: Any
    reached: datetime
    """Ticks until here are done with."""
    look_at: datetime | None = None
    """When the heap brings it up; None while it runs."""
    task: asyncio.Task[None] | None = None
    """Claims and runs it."""
    run: ActiveRun | None = None
    asked: bool = False
    """Somebody asked for a run while one went on."""
    closed: bool = False
    """Its plugin's grace is over: nothing may run any more."""

    @property
    def name(self) -> str:
        """The job's name."""
        return self.job.name

    def due(self, now: datetime) -> Due | None:
        """The tick to run now; None where none has come, or the ones that passed are to be skipped."""
        tick = self.schedule.last_until(now)
        if tick + self._delay(tick) > now:
            tick = self.schedule.last_until(
                now - timedelta(seconds=self.job.jitter)
            )  # one whose delay has surely passed
            if tick <= self.reached:
                tick = self.schedule.next_after(self.reached)
        late = now - tick - self._delay(tick)
        if tick <= self.reached or late < timedelta():
            return None
        if late > MISFIRE_AFTER and self.job.misfire == "skip":
            self.reached = tick
            return None
        several = self.job.misfire == "once" and self.schedule.next_after(self.reached) < tick
        return Due(tick, "catch-up" if several or late > MISFIRE_AFTER else "schedule")

    def next_look(self) -> datetime:
        """When the first tick that is not done with may start its run."""
        tick = self.schedule.next_after(self.reached)
        return tick + self._delay(tick)

    def _delay(self, tick: datetime) -> timedelta:
        """The jitter: the same in every process, so that none of them runs ahead of it."""
        if not self.job.jitter:
            return timedelta()
        chance = Random(f"{self.plugin}.{self.name} {tick.isoformat()}")
        return timedelta(seconds=chance.uniform(0, self.job.jitter))


class Agenda:
    """The entries of this process, in the order in which they are to be looked at."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Entry] = {}
        self._heap: list[tuple[datetime, int, Entry]] = []
        self._number = count()

    @property
    def plugins(self) -> set[str]:
        """The plugins that have jobs here."""
        return {plugin for plugin, _ in self._entries}

    def get(self, plugin: str, name: str) -> Entry | None:
        """The entry of that job."""
        return self._entries.get((plugin, name))

    def add(self, entry: Entry) -> None:
        """Take a job in."""
        self._entries[entry.plugin, entry.name] = entry
        self.plan(entry)

    def remove(self, plugin: str) -> list[Entry]:
        """Take the plugin's jobs out."""
        entries = [entry for entry in self._entries.values() if entry.plugin == plugin]
        for entry in entries:
            del self._entries[plugin, entry.name]
        return entries

    def plan(self, entry: Entry, *, not_before: datetime | None = None) -> None:
        """Look at the entry when its next tick may run."""
        look_at = entry.next_look()
        entry.look_at = max(look_at, not_before) if not_before else look_at
        heapq.heappush(self._heap, (entry.look_at, next(self._number), entry))

    def pop(self, now: datetime) -> list[Entry]:
        """The entries to be looked at, taken from the heap: each is to be planned again."""
        popped = []
        while self._heap and self._heap[0][0] <= now:
            look_at, _, entry = heapq.heappop(self._heap)
            if entry.look_at == look_at and self._entries.get((entry.plugin, entry.name)) is entry:
                entry.look_at = None
                popped.append(entry)
        return popped

    def rewind(self, now: datetime) -> None:
        """The wall clock was set back to `now`: what lies after it is to come again."""
        self._heap.clear()
        for entry in self._entries.values():
            entry.reached = min(entry.reached, now)
            if entry.look_at is not None:
                self.plan(entry)
