"""`[fields."PLUGIN.FIELD"]`: what a deployment changes in who sees a personal field."""

from __future__ import annotations

from typing import Annotated

import attrs
from msgspec import Meta


@attrs.frozen(kw_only=True)
class FieldSettings:
    """Audiences that stand in place of those that the plugin declares; what is not given stays."""

    clear: Annotated[
        tuple[str, ...] | None, Meta(description="Who sees it: self, managers, hrbp, anyone, or permissions.")
    ] = None
    masked: Annotated[tuple[str, ...] | None, Meta(description="Who sees it masked, unless they see it clear.")] = None
