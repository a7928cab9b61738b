"""`serai jobs`: what runs by the clock, and how it went."""

from __future__ import annotations

import getpass
from pathlib import Path

import attrs
import click

from serai.cli.house import opened
from serai.cli.options import as_json, in_loop, names_file, reads_deployment
from serai.cli.output import say, show_json, show_table
from serai.config.deployment import Deployment, read
from serai.errors import SeraiError
from serai.work import history


@click.group("jobs", invoke_without_command=True)
@names_file
@as_json
@click.pass_context
def jobs_command(context: click.Context, config: Path, json_: bool) -> None:
    """Show all jobs with their last run; or act on one."""
    if context.invoked_subcommand is None:
        _list(deployment=read(config), json_=json_)


@in_loop
async def _list(deployment: Deployment, json_: bool) -> None:
    async with opened(deployment) as house:
        jobs = await history.list_jobs(house.database)
    if json_:
        show_json([attrs.asdict(job) for job in jobs])
        return
    rows = [
        {
            "job": f"{job.plugin}.{job.name}",
            "title": job.title,
            "schedule": job.schedule,
            "next_due": None if job.paused else job.next_due,
            "last_run": job.last_run.started_at if job.last_run else None,
            "state": "paused" if job.paused else job.last_run.state if job.last_run else "",
            "note": (job.last_run.error or job.last_run.note) if job.last_run else None,
        }
        for job in jobs
    ]
    columns = ("job", "title", "schedule", "next_due", "last_run", "state", "note")
    show_table(rows, columns, "no plugin has run here that declares a job")


@jobs_command.command("list")
@reads_deployment
@as_json
def list_(deployment: Deployment, json_: bool) -> None:
    """Show all jobs with their last run."""
    _list(deployment=deployment, json_=json_)


@jobs_command.command("runs")
@click.argument("job")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@reads_deployment
@as_json
@in_loop
async def runs(deployment: Deployment, job: str, limit: int, json_: bool) -> None:
    """Show the last runs of JOB (plugin.job), newest first."""
    async with opened(deployment) as house:
        found = [attrs.asdict(run) for run in await history.list_runs(house.database, *_named(job), limit=limit)]
    if json_:
        show_json(found)
    else:
        columns = ("id", "tick", "cause", "state", "started_at", "finished_at", "note", "error")
        show_table(found, columns, "it has never run")


@jobs_command.command("log")
@click.argument("run_id", type=int)
@reads_deployment
@as_json
@in_loop
async def log(deployment: Deployment, run_id: int, json_: bool) -> None:
    """Show one run with its log lines, and the trace of its error."""
    async with opened(deployment) as house:
        run = await history.run(house.database, run_id)
    if json_:
        show_json(attrs.asdict(run))
        return
    for line in run.lines:
        click.echo(line)
    if run.trace:
        click.echo(run.trace)


@jobs_command.command("run")
@click.argument("job")
@reads_deployment
@as_json
@in_loop
async def run_(deployment: Deployment, job: str, json_: bool) -> None:
    """Ask for a run of JOB (plugin.job) now; any process that serves the plugin takes it."""
    async with opened(deployment) as house:
        run_id = await history.request_run(house.database, *_named(job), who=getpass.getuser())
    if json_:
        show_json({"id": run_id})
    else:
        say(f"run {run_id} of {job} is asked for; `serai jobs runs {job}` shows how it goes")


@jobs_command.command("pause")
@click.argument("job")
@reads_deployment
@in_loop
async def pause(deployment: Deployment, job: str) -> None:
    """Let no tick of JOB (plugin.job) start a run until `resume`."""
    async with opened(deployment) as house:
        await history.pause(house.database, *_named(job), who=getpass.getuser())
    say(f"{job} is paused")


@jobs_command.command("resume")
@click.argument("job")
@reads_deployment
@in_loop
async def resume(deployment: Deployment, job: str) -> None:
    """Let the ticks of JOB (plugin.job) start runs again."""
    async with opened(deployment) as house:
        await history.resume(house.database, *_named(job), who=getpass.getuser())
    say(f"{job} runs by the clock again")


def _named(job: str) -> tuple[str, str]:
    plugin, dot, name = job.partition(".")
    if not (plugin and dot and name):
        raise SeraiError(f"{job!r} names no job", hint="Write plugin.job, such as isapi.sync.")
    return plugin, name
