"""The hooks, as the kernel calls them."""

from __future__ import annotations

import asyncio

import pluggy
import pytest

from serai import hookspecs
from serai_isapi import jobs, plugin
from serai_isapi.directory import Directory
from serai_isapi.settings import Settings
from serai_isapi.state import DataState


@pytest.fixture
def hook():
    manager = pluggy.PluginManager("serai")
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    manager.check_pending()
    return manager.hook


class Progress:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def progress(self, note, *, done=None, total=None):
        self.notes.append(note)


def test_what_is_declared(hook):
    (info,) = hook.plugin_info()
    assert info.settings is Settings
    assert [job.name for (found,) in [hook.register_jobs()] for job in found] == ["sync", "full_sync", "roll_over"]
    assert hook.register_migrations() == ["serai_isapi:migrations"]
    assert getattr(Settings(source="ehr"), jobs.sync.cron.name) == "*/15 * * * *"


async def test_a_life_provides_what_routes_need_and_hears_of_syncs(hook, house):
    house.provided = {Settings: house.get(Settings)}
    (life,) = hook.lifespan(ctx=house)
    async with life:
        (answer,) = hook.health(ctx=house)
        assert not (await answer).ok

        run = Progress()
        await jobs.sync.handler(house, run)

        assert run.notes[-1].startswith("done: ")
        async with asyncio.timeout(10):
            await house.db.heard.wait()
        assert house.get(DataState).data_as_of == house.company.clock
        (answer,) = hook.health(ctx=house)
        assert (await answer).ok
        assert len(await house.search()) == 4
        assert house.get(Directory)


async def test_the_roll_over_has_nothing_to_do_on_the_same_day(house):
    await house.sync()
    run = Progress()
    await jobs.roll_over.handler(house, run)
    assert run.notes == ["nothing has changed"]
