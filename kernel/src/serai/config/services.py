"""`[services.NAME]`: plugins that run in another deployment."""

from __future__ import annotations

from typing import Annotated, Any

import attrs
from msgspec import Meta

from serai.config.secret import Secret
from serai.config.settings import ORIGIN


@attrs.frozen(kw_only=True)
class ServiceSettings:
    """Where a plugin runs that is required here, and the key with which it is asked."""

    url: Annotated[str, Meta(description="The deployment that the plugin runs in.")] = attrs.field()
    key: Annotated[Secret, Meta(description="An API key of that deployment.")]

    @url.validator
    def _check_url(self, _: Any, url: str) -> None:
        if ORIGIN.fullmatch(url) is None:
            raise ValueError("URL without a path, as https://serai.example")
