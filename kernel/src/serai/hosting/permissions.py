"""The permissions that there are: the kernel's own, and those that plugins declare."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

KERNEL_PERMISSIONS = {
    "kernel:read": "Read metrics and the state of the kernel",
    "kernel:operate": "Start, stop and repair what runs",
    "kernel:webhooks": "Have what one may follow sent to a system of one's own",
    "kernel:clients": "Make, change and refuse clients, and decide on requests for keys",
    "kernel:disclosures": "Read who was shown whose personal data",
}
"""Each with what it allows, as those of a plugin."""


@attrs.frozen
class Permissions:
    """All permissions that clients can hold in this deployment, as they are now."""

    known: Callable[[], Mapping[str, str]]
    """Each with what it allows."""
