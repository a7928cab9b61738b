"""`PathTable`: which typed route a path belongs to, found by a walk over its segments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, NamedTuple, TypeVar

R = TypeVar("R")


class Found(NamedTuple, Generic[R]):
    """A route, and the values of its path's parameters by name."""

    route: R
    values: dict[str, str]


class _Node(Generic[R]):
    """What may follow a path's beginning."""

    __slots__ = ("named", "parameter", "routes")

    def __init__(self) -> None:
        self.named: dict[str, _Node[R]] = {}
        self.parameter: _Node[R] | None = None
        self.routes: dict[str, tuple[R, tuple[str, ...]]] = {}

    def add(self, segments: Iterable[str], method: str, route: R) -> None:
        node, names = self, []
        for segment in segments:
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.named.setdefault(segment, _Node())
        node.routes[method] = (route, tuple(names))


class PathTable(Generic[R]):
    """The routes of all plugins. To publish or withdraw a plugin's is one assignment."""

    def __init__(self) -> None:
        self._plugins: dict[str, _Node[R]] = {}

    def publish(self, plugin: str, routes: Mapping[tuple[str, str], R]) -> None:
        """Answer with these routes under `/{plugin}`; their keys are method and template, `/api/v1/people/{id}`."""
        root: _Node[R] = _Node()
        for (method, template), route in routes.items():
            root.add(template.split("/")[1:], method, route)
        self._plugins[plugin] = root

    def withdraw(self, plugin: str) -> None:
        """Know nothing under `/{plugin}` any more."""
        self._plugins.pop(plugin, None)

    def find(self, method: str, path: str) -> Found[R] | None:
        """The route of a path as it came over the wire.

        None does not mean that there is none: what is percent-encoded, or would need a second look at another branch,
        is left to aiohttp's router.
        """
        if "%" in path or not path.isascii():
            return None
        segments = iter(path.split("/"))
        next(segments)  # what precedes the first slash: nothing
        node = self._plugins.get(next(segments, ""))
        values = []
        for segment in segments:
            if node is None:
                return None
            following = node.named.get(segment)
            if following is None and segment and "{" not in segment and "}" not in segment:
                following = node.parameter
                values.append(segment)
            node = following
        if node is None or (entry := node.routes.get(method)) is None:
            return None
        route, names = entry
        return Found(route, dict(zip(names, values, strict=True)))
