"""What isapi does by the clock."""

from __future__ import annotations

from serai import Context, Run, Setting, job
from serai_isapi.settings import ZONE
from serai_isapi.sync import roll_over as publish_today
from serai_isapi.sync import synchronise


@job(cron=Setting("sync_cron"), zone=ZONE, timeout=1800, run_when_new=True, rerun=True)
async def sync(ctx: Context, run: Run) -> None:
    """Read what changed in the HR system, the first time all of it, and publish that."""
    await synchronise(ctx, run.progress)


@job(cron=Setting("full_sync_cron"), zone=ZONE, timeout=3600, rerun=True)
async def full_sync(ctx: Context, run: Run) -> None:
    """Read all of the HR system, and follow what no stamp tells: rewritten and deleted history."""
    await synchronise(ctx, run.progress, full=True)


@job(cron="1 0 * * *", zone=ZONE, timeout=600, rerun=True)
async def roll_over(ctx: Context, run: Run) -> None:
    """Publish what the records say of the new day, also while the HR system is away."""
    run.progress("published" if await publish_today(ctx) else "nothing has changed")
