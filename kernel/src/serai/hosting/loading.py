"""From a name in the deployment to a plugin that could start: find, import, ask, configure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence

import attrs

from serai.config.deployment import Deployment, structure_plugin
from serai.config.fields import FieldSettings
from serai.config.wording import nearest, one_of, visible
from serai.errors import Mistake
from serai.hosting.declared import Declared, declare_plugin
from serai.hosting.entry_points import Import, Installed
from serai.hosting.states import Blocked, Code
from serai.identity.fields import RELATIONS


@attrs.frozen(kw_only=True)
class Loaded:
    """A plugin that is imported, has declared what it is, and whose settings are in order."""

    declared: Declared
    settings: object | None


class Misconfigured(Blocked):
    """The plugin's table in the deployment's file does not fit its settings class."""

    def __init__(self, declared: Declared, mistakes: Sequence[Mistake], file: str) -> None:
        listed = "; ".join(f"{each.dotted}: expected {each.expected}, found {each.found}" for each in mistakes)
        super().__init__(
            Code.MISCONFIGURED,
            f"{declared.name} {declared.version} is misconfigured: {listed}",
            hint=f"Correct {file}; `serai check -c {file}` shows each place.",
        )
        self.mistakes = mistakes


class Loader:
    """Loads the plugins of one deployment; an import that hangs is kept and asked again later."""

    def __init__(self, deployment: Deployment, plugins: Mapping[str, Installed], timeout: float) -> None:
        self._deployment = deployment
        self._plugins = plugins
        self._timeout = timeout
        self._imports: dict[str, Import] = {}

    def version(self, name: str) -> str:
        """The installed version; empty where the plugin is not installed."""
        what = self._plugins.get(name)
        return what.version if what else ""

    async def load(self, name: str) -> Loaded:
        """Load one plugin. Raises `Trouble` or `Blocked` with a sentence that names it and its wheel."""
        declared = await self._declared(name)
        settings, mistakes = structure_plugin(self._deployment, name, declared.info.settings)
        mistakes += field_mistakes(self._deployment, declared)
        if mistakes:
            raise Misconfigured(declared, mistakes, str(self._deployment.document.path))
        return Loaded(declared=declared, settings=settings)

    async def provider(self, name: str) -> Declared:
        """What a plugin that runs elsewhere declares. Raises `Trouble`, also where it has no client."""
        declared = await self._declared(name)
        if all(service.client is None for service in declared.info.services):
            raise Blocked(
                Code.INCOMPATIBLE,
                f"{name} {declared.version} offers nothing over HTTP",
                hint="It has to run in this deployment: list it in kernel.plugins.",
            )
        return declared

    async def _declared(self, name: str) -> Declared:
        what = self._plugins.get(name)
        if what is None:
            raise self._not_installed(name)
        attempt = self._imports.pop(name, None) or Import(what)
        try:
            module = await attempt.result(self._timeout)
        finally:
            if attempt.pending:
                self._imports[name] = attempt
        return declare_plugin(what, module)

    def _not_installed(self, name: str) -> Blocked:
        near = difflib.get_close_matches(name, self._plugins, n=1)
        return Blocked(
            Code.NOT_INSTALLED,
            f"no installed wheel brings a plugin named {name}",
            hint=f"Did you mean {near[0]}?"
            if near
            else f"Install its wheel, or take {name} out of {self._deployment.document.path}.",
        )


def field_mistakes(deployment: Deployment, declared: Declared) -> list[Mistake]:
    """What is wrong in the deployment's `[fields]` with those of one plugin.

    Audiences that are permissions of other plugins are taken as they are: `serai check` knows which there are.
    """
    mistakes = []
    names = {field.name for field in declared.info.personal}
    for name, settings in deployment.fields.items():
        if name.partition(".")[0] != declared.name:
            continue
        if name not in names:
            known = one_of(sorted(names)) if names else f"none: {declared.name} has no personal fields"
            mistakes.append(Mistake(("fields", name), known + nearest(name, names), "unknown field"))
        mistakes += unknown_audiences(name, settings, declared.info.permissions, foreign=False)
    return mistakes


def unknown_audiences(
    field: str, settings: FieldSettings, permissions: Collection[str], *, foreign: bool
) -> Iterator[Mistake]:
    """Audiences of a field that are neither relations nor among the `permissions`.

    Only those that are permissions of other plugins than the field's where `foreign`, only all else where not.
    """
    known = (*sorted(RELATIONS), *sorted(permissions))
    owner = field.partition(".")[0]
    for key, audiences in (("clear", settings.clear), ("masked", settings.masked)):
        for index, audience in enumerate(audiences or ()):
            is_foreign = ":" in audience and audience.partition(":")[0] != owner
            if audience not in known and is_foreign is foreign:
                wanted = one_of(known) + nearest(audience, known)
                yield Mistake(("fields", field, key, index), wanted, visible(audience))
