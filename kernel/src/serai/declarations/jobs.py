"""`Job`: something that the kernel runs by the clock, once per cluster and tick."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import attrs

JobHandler = Callable[[Any, Any], Awaitable[None]]
"""`async def handler(ctx: Context, run: Run) -> None`"""


@attrs.frozen
class Setting:
    """Stands for the value of one of the plugin's settings, so that operators can change a schedule."""

    name: str


@attrs.frozen(kw_only=True)
class Job:
    """A handler and when it runs. Made by the `job` decorator; its name is the handler's."""

    handler: JobHandler
    cron: str | Setting
    """Five fields, or six with seconds first, as cronsim reads them; or the setting that holds them."""
    zone: str = "Asia/Shanghai"
    """Time zone of `cron`."""
    timeout: float = 600.0
    """Seconds after which a run is cancelled and recorded as `timeout`."""
    misfire: Literal["once", "skip"] = "once"
    """What becomes of ticks that passed while nobody could run them: one run for all of them, or none."""
    jitter: float = 0.0
    """A run starts up to so many seconds after its tick, so that many jobs do not start together."""
    rerun: bool = False
    """Run again a run whose process died in the middle (only where running twice does no harm)."""
    run_when_new: bool = False
    """Run at once, when the plugin starts, where the job has never succeeded in this deployment."""

    @property
    def name(self) -> str:
        """The handler's name."""
        return self.handler.__name__

    @property
    def title(self) -> str:
        """The first line of the handler's docstring."""
        return (self.handler.__doc__ or self.name).strip().splitlines()[0]


def job(
    *,
    cron: str | Setting,
    zone: str = "Asia/Shanghai",
    timeout: float = 600.0,
    misfire: Literal["once", "skip"] = "once",
    jitter: float = 0.0,
    rerun: bool = False,
    run_when_new: bool = False,
) -> Callable[[JobHandler], Job]:
    """Make a `Job` of an `async def handler(ctx: Context, run: Run)`; the arguments are the fields of `Job`."""

    def make(handler: JobHandler) -> Job:
        return Job(
            handler=handler,
            cron=cron,
            zone=zone,
            timeout=timeout,
            misfire=misfire,
            jitter=jitter,
            rerun=rerun,
            run_when_new=run_when_new,
        )

    return make
