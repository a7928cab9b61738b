"""What a plugin says about itself, and how it says that it is well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs

from serai.declarations.encryption import EncryptedColumn
from serai.declarations.feed import Topic
from serai.declarations.fields import PersonalField
from serai.declarations.services import Service, as_services


@attrs.frozen(kw_only=True)
class PluginInfo:
    """What `plugin_info()` returns; the kernel checks it before it runs anything else of the plugin.

    Name, version and summary are not here: they come from the entry point and the wheel's metadata.
    """

    title: str
    """Shown to people."""
    kernel: str
    """Kernel API versions that the plugin works with, as a PEP 440 specifier: `">=1.0,<2"`."""
    requires: Sequence[str] = ()
    """Plugins that must be running first, as PEP 508 requirements on plugin names: `"isapi>=1.0"`."""
    after: Sequence[str] = ()
    """Plugins that start first where they are enabled; nothing happens where they are not."""
    conflicts: Sequence[str] = ()
    """Plugins that cannot be enabled beside this one."""
    settings: type | None = None
    """An attrs class; its fields are the keys of `[plugins.NAME]`."""
    permissions: Mapping[str, str] = attrs.Factory(dict)
    """Every permission that the plugin's routes ask for, with one sentence on what it allows."""
    personal: Sequence[PersonalField] = ()
    """The personal fields that are the plugin's to declare; `Personal` marks refer to them."""
    services: Sequence[Service[Any]] = attrs.field(default=(), converter=as_services)
    """What the plugin does for others: `Service`s, or Protocols where there is no client over HTTP."""
    topics: Sequence[Topic[Any]] = ()
    """What it publishes in the feed; each name begins with the plugin's."""
    encrypted: Sequence[EncryptedColumn] = ()
    """The columns that `ctx.keys` encrypts."""
    body_limit: int = 1024 * 1024
    """The largest request body that the plugin takes, in bytes."""
    on_failure: Literal["isolate", "fail"] = "isolate"
    """`isolate`: the others serve on. `fail`: the process is not ready while this plugin is not running."""


@attrs.frozen
class Health:
    """How a plugin is: `ok=False` makes it `degraded`, with `detail` as the reason and `hint` as what to do."""

    ok: bool
    detail: str = ""
    hint: str = ""
