"""`serai queue`: work that is done later, and what of it has failed."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

from serai.cli.house import opened
from serai.cli.options import as_json, in_loop, names_file, reads_deployment
from serai.cli.output import say, show_json, show_table
from serai.config.deployment import Deployment, read
from serai.errors import SeraiError
from serai.work import backlog


@click.group("queue", invoke_without_command=True)
@names_file
@as_json
@click.pass_context
def queue_command(context: click.Context, config: Path, json_: bool) -> None:
    """Show what is in the queue and what has failed; or act on a held task."""
    if context.invoked_subcommand is None:
        _list(deployment=read(config), json_=json_)


@in_loop
async def _list(deployment: Deployment, json_: bool) -> None:
    async with opened(deployment) as house:
        tasks = [attrs.asdict(task) for task in await backlog.summaries(house.database)]
        failed = [attrs.asdict(task) for task in await backlog.failed(house.database)]
    if json_:
        show_json({"tasks": tasks, "failed": failed})
        return
    show_table(tasks, ("task", "waiting", "failing", "running", "held", "oldest"), "the queue is empty")
    if failed:
        click.echo()
        show_table(failed, ("id", "task", "state", "failures", "failed_at", "next_at", "error"), "")


@queue_command.command("show")
@click.argument("task_id", metavar="ID", type=int)
@reads_deployment
@as_json
@in_loop
async def show(deployment: Deployment, task_id: int, json_: bool) -> None:
    """Show a failed task with the log lines of its last attempt, and the trace of its error."""
    async with opened(deployment) as house:
        task = await backlog.failed_task(house.database, task_id)
    if json_:
        show_json(attrs.asdict(task))
        return
    for line in (*task.lines, task.trace or task.error):
        if line:
            click.echo(line)


@queue_command.command("retry")
@click.argument("task_id", metavar="ID", type=int, required=False)
@click.option("--all", "all_", is_flag=True, help="Every held task.")
@reads_deployment
@in_loop
async def retry(deployment: Deployment, task_id: int | None, all_: bool) -> None:
    """Put a held task back in the queue; its attempts are counted anew."""
    if (task_id is None) is not all_:
        raise SeraiError("Either one ID is needed or --all", hint="`serai queue` lists the held tasks")
    async with opened(deployment) as house:
        ids = await backlog.retry(house.database, task_id)
    say(f"{len(ids)} {'task is' if len(ids) == 1 else 'tasks are'} in the queue again")


@queue_command.command("drop")
@click.argument("task_id", metavar="ID", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@reads_deployment
@in_loop
async def drop(deployment: Deployment, task_id: int, yes: bool) -> None:
    """Take a held task out of the queue for ever."""
    async with opened(deployment) as house:
        task = await backlog.failed_task(house.database, task_id)
        if not yes:
            click.confirm(f"Forget task {task_id} ({task.task}), which will never be done?", abort=True, err=True)
        await backlog.drop(house.database, task_id)
    say(f"task {task_id} is dropped")
