"""What is installed: entry points and wheel metadata, read without importing anything."""

from __future__ import annotations

import asyncio
import threading
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import attrs

from serai.hosting.states import Code, Trouble

PLUGINS = "serai.plugins"
DRIVERS = "serai.drivers"


@attrs.frozen(kw_only=True)
class Installed:
    """One entry point and the wheel that brought it."""

    name: str
    version: str
    summary: str
    distribution: str
    entry_point: EntryPoint

    def __str__(self) -> str:
        return f"{self.name} {self.version} (wheel {self.distribution})"


def installed(group: str) -> dict[str, Installed]:
    """All entry points of a group by name; the first in name order where two wheels claim one name."""
    found: dict[str, Installed] = {}
    for entry in sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)):
        if entry.dist is not None:
            found.setdefault(
                entry.name,
                Installed(
                    name=entry.name,
                    version=entry.dist.version,
                    summary=str(entry.dist.metadata.json.get("summary", "")),
                    distribution=entry.dist.metadata["Name"],
                    entry_point=entry,
                ),
            )
    return found


class Import:
    """The import of one entry point, in a thread of its own so that it cannot hang the process.

    The thread is a daemon: an executor's would keep the interpreter alive at exit for as long as the import hangs.
    """

    def __init__(self, what: Installed) -> None:
        self.what = what
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[Any] = self._loop.create_future()
        threading.Thread(target=self._run, name=f"import-{what.name}", daemon=True).start()

    @property
    def pending(self) -> bool:
        """Whether the import still runs."""
        return not self._done.done()

    async def result(self, timeout: float) -> Any:
        """The imported module or object. Raises `Trouble`; while it is `pending` it may be asked again."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._done), timeout)
        except TimeoutError:
            raise Trouble(
                Code.IMPORT_TIMEOUT,
                f"{self.what} is still importing {self.what.entry_point.value} after {timeout:g} s",
                hint="A module must not wait or connect at import: move that into `lifespan`.",
            ) from None
        except Exception as error:
            raise Trouble(
                Code.IMPORT_FAILED,
                f"{self.what} cannot import {self.what.entry_point.value}: {type(error).__name__}: {error}",
                hint="Install a wheel whose import works in this environment; the log holds the trace.",
            ) from error

    def _run(self) -> None:
        try:
            value = self.what.entry_point.load()
        except BaseException as error:  # noqa: BLE001  a guest may even raise SystemExit
            problem = error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")
            self._settle(lambda: self._done.set_exception(problem))
        else:
            self._settle(lambda: self._done.set_result(value))

    def _settle(self, action: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(action)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more
