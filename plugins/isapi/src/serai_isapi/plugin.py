"""The hooks of isapi."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from serai import Api, Context, Health, Job, Mount, PluginInfo, Relations, Service, hookimpl
from serai_isapi import api, identity_api, identity_shapes, jobs, sealing
from serai_isapi.client import Client
from serai_isapi.departments import Departments
from serai_isapi.directory import Directory
from serai_isapi.fields import PERSONAL
from serai_isapi.hidden import CHANNEL, HiddenPeople
from serai_isapi.identities import Identities
from serai_isapi.journal import Journal
from serai_isapi.local import LocalDirectory
from serai_isapi.people import People
from serai_isapi.quarantine import Quarantine
from serai_isapi.relations import Colleagues
from serai_isapi.scim import door
from serai_isapi.service import EmployeeDirectory
from serai_isapi.settings import Settings
from serai_isapi.snapshot import Snapshots
from serai_isapi.state import DataState
from serai_isapi.topics import DEPARTMENT, EMPLOYEE
from serai_isapi.unmasking import Unmasking


@hookimpl
def plugin_info() -> PluginInfo:
    """Employees and departments."""
    return PluginInfo(
        title="Employee directory",
        kernel=">=1.0,<2",
        settings=Settings,
        permissions={
            "isapi:read": "See the directory: people, departments, who leads and looks after whom",
            "isapi:contact": "See private phone numbers and mail addresses",
            "isapi:employment": "See grades, hire and termination dates, and why a job changed",
            "isapi:hidden": "See people who are hidden from everybody else, and decide who is",
            "isapi:write": "Add and change people and groups over SCIM, where the deployment takes any",
            "isapi:identity": "See national ids and birth dates, and who has a national id",
            "isapi:unmask": "See one value of one person clear that is shown masked, for a reason that is kept",
            "isapi:sync": "See which rows of the HR system were put aside",
            "isapi:approve": "Decide about synchronisations that are held and about rows that were put aside",
        },
        encrypted=[sealed.column for sealed in sealing.SEALED],
        topics=[EMPLOYEE, DEPARTMENT],
        personal=[*PERSONAL, *identity_shapes.PERSONAL],
        services=[Relations, Service(EmployeeDirectory, client=Client)],
    )


@hookimpl
def register_routes() -> Sequence[Api | Mount]:
    """The JSON API, and SCIM."""
    return [api.api, identity_api.api, door.scim]


@hookimpl
def register_jobs() -> Sequence[Job]:
    """Reading the HR system, and letting the days pass."""
    return [jobs.sync, jobs.full_sync, jobs.roll_over]


@hookimpl
def register_migrations() -> str:
    """Schema `isapi`."""
    return "serai_isapi:migrations"


@hookimpl
@asynccontextmanager
async def lifespan(ctx: Context) -> AsyncIterator[None]:
    """Provide what the routes read from, and keep `DataState` and the people in memory fresh."""
    ctx.devices.state(ctx.get(Settings).source)  # there is such a device, and how it is matters from the start
    state = DataState(ctx.db)
    people, tree, hidden = Directory(ctx.db), Departments(ctx.db), HiddenPeople(ctx.db, ctx.audit)
    ctx.provide(Directory, people)
    ctx.provide(Departments, tree)
    ctx.provide(Journal, Journal(ctx.db, ctx.audit))
    ctx.provide(Quarantine, Quarantine(ctx.db, ctx.audit))
    ctx.provide(DataState, state)
    ctx.provide(HiddenPeople, hidden)
    ctx.provide(Identities, Identities(ctx.db, ctx.keys))
    ctx.provide(Unmasking, Unmasking(ctx))
    snapshots = Snapshots(ctx.db, ctx.feed, ctx.log)
    ctx.provide(People, People(people, snapshots))
    ctx.provide(door.Scim, door.Scim(ctx.db, writes=ctx.get(Settings).scim_writes))
    ctx.db.listen("synced", state.refresh)

    async def hide(payload: str | None) -> None:
        await hidden.refresh(payload)
        await snapshots.hide(hidden.emplids)

    ctx.db.listen(CHANNEL, hide)
    await state.refresh()
    await hidden.refresh()
    local = LocalDirectory(people=people, tree=tree, state=state, hidden=hidden, feed=ctx.feed, now=ctx.now)
    ctx.services.offer(Relations, Colleagues(ctx.db))  # type: ignore[type-abstract]  # a Protocol is what it takes
    ctx.services.offer(EmployeeDirectory, local)  # type: ignore[type-abstract]  # the same
    ctx.spawn(snapshots.keep(), name="people in memory")
    yield


@hookimpl
async def health(ctx: Context) -> Health:
    """Whether there is data, how old it is, and how the last synchronisation did."""
    return ctx.get(DataState).health(ctx.get(Settings), ctx.now())
