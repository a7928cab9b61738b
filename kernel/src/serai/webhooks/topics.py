"""Which topics webhooks can have, and what permission each takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serai.declarations import Topic


class TopicBook:
    """The topics of the plugins that serve in this process, each with the permission of the route that shows it."""

    def __init__(self) -> None:
        self._by_plugin: dict[str, Mapping[str, tuple[Topic[Any], str]]] = {}

    def add(self, plugin: str, topics: Mapping[Topic[Any], str]) -> None:
        """Take the plugin's topics in, each with its permission."""
        self._by_plugin[plugin] = {topic.name: (topic, permission) for topic, permission in topics.items()}

    def remove(self, plugin: str) -> None:
        """Forget the plugin's topics: it does not serve any more."""
        self._by_plugin.pop(plugin, None)

    def find(self, name: str) -> tuple[Topic[Any], str] | None:
        """The topic and its permission; None where no plugin that serves here has it."""
        return next((topics[name] for topics in self._by_plugin.values() if name in topics), None)

    @property
    def names(self) -> list[str]:
        """All names, in order."""
        return sorted(name for topics in self._by_plugin.values() for name in topics)
