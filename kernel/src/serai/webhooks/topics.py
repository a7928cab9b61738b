"""Which topics webhooks can have, and what a client gets of their events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from serai.context import Context, Principal
from serai.declarations import Event, Topic
from serai.declarations.routes import Sight


@attrs.frozen
class FollowedTopic:
    """A topic that clients may follow, as the route says that shows it."""

    topic: Topic[Any]
    permission: str
    sight: Sight | None
    context: Context
    """Of the plugin."""

    async def seen_by(self, who: Principal, event: Event[Any]) -> Event[Any] | None:
        """The event as this client may know it, as on the route; None: it does not exist for it."""
        seen = event if self.sight is None else self.sight(self.context, who, event)
        if seen is None or seen.payload is None:
            return seen
        eyes = self.context.fields.of(who)
        shown = await eyes.show(seen.payload)
        eyes.note(f"webhook {seen.topic}", shown)
        return attrs.evolve(seen, payload=shown.value)


class TopicBook:
    """The topics of the plugins that serve in this process."""

    def __init__(self) -> None:
        self._by_plugin: dict[str, dict[str, FollowedTopic]] = {}

    def add(self, plugin: str, topics: Iterable[FollowedTopic]) -> None:
        """Take the plugin's topics in."""
        self._by_plugin[plugin] = {followed.topic.name: followed for followed in topics}

    def remove(self, plugin: str) -> None:
        """Forget the plugin's topics: it does not serve any more."""
        self._by_plugin.pop(plugin, None)

    def find(self, name: str) -> FollowedTopic | None:
        """The topic of that name; None where no plugin that serves here has it."""
        return next((topics[name] for topics in self._by_plugin.values() if name in topics), None)

    @property
    def names(self) -> list[str]:
        """All names, in order."""
        return sorted(name for topics in self._by_plugin.values() for name in topics)
