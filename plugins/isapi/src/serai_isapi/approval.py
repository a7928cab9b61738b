"""Applying what somebody has just approved, beside the requests."""

from __future__ import annotations

from serai import Context
from serai_isapi.sync import apply_approved


async def apply_now(ctx: Context) -> None:
    """Apply it at once. Where that fails the run says why, and the next synchronisation reads anew."""

    def progress(note: str, *, done: int | None = None, total: int | None = None) -> None:
        ctx.log.info("approved synchronisation", progress=note)

    try:
        await apply_approved(ctx, progress)
    except Exception as error:  # noqa: BLE001  it is the run's, which has recorded it, and not the plugin's
        ctx.log.error("an approved synchronisation was not applied", error=type(error).__name__)
