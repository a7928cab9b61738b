"""From a name in the deployment to a plugin that could start: find, import, ask, configure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import attrs

from serai.config.deployment import Deployment, structure_plugin
from serai.errors import Mistake
from serai.hosting.declared import Declared, declare_plugin
from serai.hosting.entry_points import Import, Installed
from serai.hosting.states import Blocked, Code


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
        what = self._plugins.get(name)
        if what is None:
            raise self._not_installed(name)
        attempt = self._imports.pop(name, None) or Import(what)
        try:
            module = await attempt.result(self._timeout)
        finally:
            if attempt.pending:
                self._imports[name] = attempt
        declared = declare_plugin(what, module)
        settings, mistakes = structure_plugin(self._deployment, name, declared.info.settings)
        if mistakes:
            raise Misconfigured(declared, mistakes, str(self._deployment.document.path))
        return Loaded(declared=declared, settings=settings)

    def _not_installed(self, name: str) -> Blocked:
        near = difflib.get_close_matches(name, self._plugins, n=1)
        return Blocked(
            Code.NOT_INSTALLED,
            f"no installed wheel brings a plugin named {name}",
            hint=f"Did you mean {near[0]}?" if near else f"Install its wheel, or take {name} out of kernel.plugins.",
        )
