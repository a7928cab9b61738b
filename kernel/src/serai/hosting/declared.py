"""Call a guest's declaring hooks and check what they return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pluggy
from aiohttp import web
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from pluggy import PluginValidationError

from serai import hookspecs
from serai.config.wording import one_of
from serai.context import Context
from serai.declarations import Api, Driver, Job, Mount, PluginInfo, Subscription, Task
from serai.hookspecs import KERNEL_API
from serai.hosting.entry_points import Installed
from serai.hosting.states import Blocked, Code, Trouble
from serai.identity.fields import RELATIONS
from serai.web.plugin_app import Routes
from serai.webhooks.topics import FollowedTopic


@attrs.frozen(kw_only=True)
class Declared:
    """Everything that one plugin declares, checked."""

    name: str
    version: str
    summary: str
    info: PluginInfo
    requires: tuple[Requirement, ...]
    apis: tuple[Api, ...]
    mounts: tuple[Mount, ...]
    tables: tuple[web.RouteTableDef, ...]
    jobs: tuple[Job, ...]
    subscriptions: tuple[Subscription, ...]
    tasks: tuple[Task[Any], ...]
    migrations: str | None
    hook: Any
    hooks: frozenset[str]
    """Names of the hooks that the plugin implements."""

    def followed(self, context: Context) -> list[FollowedTopic]:
        """Topics that clients may follow, as the routes say that show them."""
        return [
            FollowedTopic(topic, feed.permission, feed.sight, context)
            for api in self.apis
            for feed in api.feeds
            if feed.permission is not None
            for topic in feed.topics
        ]

    @property
    def routes(self) -> Routes:
        """What of it is mounted."""
        return Routes(
            name=self.name,
            version=self.version,
            summary=self.summary,
            info=self.info,
            apis=self.apis,
            mounts=self.mounts,
            tables=self.tables,
        )


class _Hooks:
    """One guest's own plugin manager: one guest's mistake never touches another's hooks."""

    def __init__(self, what: Installed, module: Any) -> None:
        self.what = what
        self.manager = pluggy.PluginManager("serai")
        self.manager.add_hookspecs(hookspecs)
        try:
            self.manager.register(module, what.name)
            self.manager.check_pending()
        except PluginValidationError as error:
            raise Trouble(
                Code.HOOK_FAILED, f"{what} has a hook that kernel API {KERNEL_API} does not know: {error}", hint=_HINT
            ) from error

    @property
    def implemented(self) -> frozenset[str]:
        return frozenset(
            caller.name for caller in self.manager.get_hookcallers(self.manager.get_plugin(self.what.name)) or ()
        )

    def call(self, hook: str) -> Any:
        """What the guest answers to a declaring hook; None where it does not implement it."""
        try:
            answers = getattr(self.manager.hook, hook)()
        except Exception as error:
            raise Trouble(
                Code.HOOK_FAILED, f"{self.what} raised in {hook}(): {type(error).__name__}: {error}", hint=_HINT
            ) from error
        return answers[0] if answers else None

    def each(self, hook: str, kinds: tuple[type, ...]) -> list[Any]:
        """The answer of a hook that returns a sequence, each member checked for its type."""
        answer = self.call(hook)
        if answer is None:
            return []
        names = " or ".join(kind.__name__ for kind in kinds)
        if not isinstance(answer, Sequence) or isinstance(answer, (str, web.RouteTableDef)):
            raise self.rubbish(hook, f"a list of {names}", answer)
        for member in answer:
            if not isinstance(member, kinds):
                raise self.rubbish(hook, f"a list of {names}", member)
        return list(answer)

    def rubbish(self, hook: str, expected: str, found: Any) -> Trouble:
        return Trouble(
            Code.HOOK_FAILED,
            f"{self.what} answered {hook}() with {type(found).__name__}, expected {expected}",
            hint=_HINT,
        )


_HINT = "Correct the plugin; docs/hooks.md shows each hook with an example."


def declare_plugin(what: Installed, module: Any) -> Declared:
    """Ask an imported plugin what it declares. Raises `Trouble` or `Blocked` that name it."""
    hooks = _Hooks(what, module)
    info = hooks.call("plugin_info")
    if not isinstance(info, PluginInfo):
        raise hooks.rubbish("plugin_info", "PluginInfo", info)
    _check_kernel(what, info)
    routes = hooks.each("register_routes", (Api, Mount, web.RouteTableDef))
    work = hooks.each("register_jobs", (Job, Subscription, Task))
    migrations = hooks.call("register_migrations")
    if migrations is not None and not (isinstance(migrations, str) and ":" in migrations):
        raise hooks.rubbish("register_migrations", 'a string such as "package:migrations"', migrations)
    declared = Declared(
        name=what.name,
        version=what.version,
        summary=what.summary,
        info=info,
        requires=_requirements(what, info),
        apis=tuple(route for route in routes if isinstance(route, Api)),
        mounts=tuple(route for route in routes if isinstance(route, Mount)),
        tables=tuple(route for route in routes if isinstance(route, web.RouteTableDef)),
        jobs=tuple(each for each in work if isinstance(each, Job)),
        subscriptions=tuple(each for each in work if isinstance(each, Subscription)),
        tasks=tuple(each for each in work if isinstance(each, Task)),
        migrations=migrations,
        hook=hooks.manager.hook,
        hooks=hooks.implemented,
    )
    _check_names(declared, hooks.rubbish)
    return declared


def declare_driver(what: Installed, module: Any) -> Driver:
    """Ask an imported driver module for the driver of the entry point's name."""
    hooks = _Hooks(what, module)
    drivers = hooks.each("register_drivers", (Driver,))
    for driver in drivers:
        if driver.name == what.name:
            return driver  # type: ignore[no-any-return]  # checked by `each`
    names = ", ".join(driver.name for driver in drivers) or "nothing"
    raise Trouble(Code.HOOK_FAILED, f"{what} registers {names}, expected a driver named {what.name}", hint=_HINT)


def _check_kernel(what: Installed, info: PluginInfo) -> None:
    try:
        fits = SpecifierSet(info.kernel).contains(KERNEL_API)
    except InvalidSpecifier:
        raise Blocked(
            Code.INCOMPATIBLE, f"{what} states kernel={info.kernel!r}, which is not a version range", hint=_HINT
        ) from None
    if not fits:
        raise Blocked(
            Code.INCOMPATIBLE,
            f"{what} needs kernel API {info.kernel}, this kernel offers {KERNEL_API}",
            hint=f"Install a version of {what.distribution} made for kernel API {KERNEL_API}, or another kernel.",
        )


def _requirements(what: Installed, info: PluginInfo) -> tuple[Requirement, ...]:
    try:
        return tuple(Requirement(text) for text in info.requires)
    except InvalidRequirement as error:
        raise Trouble(
            Code.HOOK_FAILED, f"{what} states a requirement that cannot be read: {error}", hint=_HINT
        ) from None


def _check_names(declared: Declared, rubbish: Callable[[str, str, Any], Trouble]) -> None:
    """All that is declared bears the plugin's name; routes ask for what is declared; no job or task is there twice."""
    known = declared.info.permissions
    for permission in known:
        if not permission.startswith(f"{declared.name}:"):
            raise _undeclared(declared, f"the permission {permission!r}", f"begin with '{declared.name}:'")
    _check_fields(declared)
    asking = [(f"route {route.method} {route.path}", route.permission) for api in declared.apis for route in api.routes]
    asking += [(f"feed {feed.path}", feed.permission) for api in declared.apis for feed in api.feeds]
    asking += [(f"mount {mount.path}", mount.permission) for mount in declared.mounts]
    for what, needed in asking:
        if needed is not None and needed not in known:
            raise _undeclared(
                declared,
                f"the {what} asking for {needed!r}",
                "ask for one of " + (", ".join(known) or "its declared permissions (there are none)"),
            )
    for topic in declared.info.topics:
        if not topic.name.startswith(f"{declared.name}."):
            raise _undeclared(declared, f"the topic {topic.name!r}", f"begin with '{declared.name}.'")
    names = [column.name for column in declared.info.encrypted]
    for name in names:
        if names.count(name) > 1:
            raise _undeclared(declared, f"the encrypted column {name!r} twice", "declare each column once")
    if names and declared.migrations is None:
        raise _undeclared(declared, "encrypted columns and no tables", "implement register_migrations")
    seen: set[str] = set()
    works: list[Job | Subscription | Task[Any]] = [*declared.jobs, *declared.subscriptions, *declared.tasks]
    for work in works:
        if work.name in seen:
            raise _undeclared(declared, f"two jobs or tasks named {work.name!r}", "give each a name of its own")
        seen.add(work.name)


def _check_fields(declared: Declared) -> None:
    """Personal fields bear the plugin's name, each once, and name audiences that there are."""
    known = declared.info.permissions
    fields: set[str] = set()
    for field in declared.info.personal:
        if field.name in fields or not field.name.startswith(f"{declared.name}."):
            raise _undeclared(
                declared, f"the personal field {field.name!r}", f"have a name of its own, '{declared.name}.' first"
            )
        fields.add(field.name)
        for audience in (*field.clear, *field.masked):
            if audience not in RELATIONS and audience not in known:
                raise _undeclared(
                    declared,
                    f"the personal field {field.name!r} with the audience {audience!r}",
                    f"name {one_of((*sorted(RELATIONS), *known))}",
                )


def _undeclared(declared: Declared, what: str, must: str) -> Trouble:
    return Trouble(Code.HOOK_FAILED, f"{declared.name} {declared.version} has {what}; it must {must}", hint=_HINT)
