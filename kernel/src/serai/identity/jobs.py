"""What the kernel itself does by the clock: re-encrypting what older keys have encrypted, and sealing the audit log."""

from __future__ import annotations

from serai.context import Context, Run
from serai.declarations import job
from serai.identity import rotation, seals
from serai.identity.keyring import Keyring


@job(cron="30 3 * * *", timeout=6 * 3600, rerun=True)
async def rotate_keys(ctx: Context, run: Run) -> None:
    """Re-encrypt what is not of the first key of kernel.keys."""

    def progress(label: str, done: int, total: int) -> None:
        run.progress(f"re-encrypting {label}", done=done, total=total)

    rotated = await rotation.rotate(ctx.db, ctx.get(Keyring), progress)
    if rotated.left:
        run.progress(
            f"{rotated.done} rows re-encrypted; {rotated.left} were being changed and are left for the next run"
        )
    else:
        run.progress(f"{rotated.done} rows re-encrypted; everything is of the first key")


@job(cron="*/5 * * * *", timeout=300, rerun=True)
async def seal_audit(ctx: Context, run: Run) -> None:
    """Seal the new rows of the audit log into its hash chain."""
    head = await seals.seal(ctx.db)
    if head is not None:
        ctx.log.info("the audit log is sealed", seal=str(head))
        run.progress(f"sealed up to {head}")


JOBS = (rotate_keys, seal_audit)
