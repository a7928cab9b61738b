"""`serai feed`: what is in the feed, who follows it, and what failed."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

from serai.cli.house import opened
from serai.cli.options import as_json, in_loop, names_file, reads_deployment
from serai.cli.output import say, show_json, show_table
from serai.config.deployment import Deployment, read
from serai.errors import SeraiError
from serai.work import feed_report


@click.group("feed", invoke_without_command=True)
@names_file
@as_json
@click.pass_context
def feed_command(context: click.Context, config: Path, json_: bool) -> None:
    """Show the feed's topics and subscribers; or act on failed events."""
    if context.invoked_subcommand is None:
        _show(deployment=read(config), json_=json_)


@in_loop
async def _show(deployment: Deployment, json_: bool) -> None:
    async with opened(deployment) as house:
        report = await feed_report.report(house.database)
    if json_:
        show_json(attrs.asdict(report))
        return
    say(f"head {report.head}, kept after {report.pruned_to}")
    topics = [attrs.asdict(topic) for topic in report.topics]
    show_table(topics, ("name", "events", "newest", "last_at"), "nothing has happened that is kept")
    subscribers = [attrs.asdict(one) | {"topics": ", ".join(one.topics)} for one in report.subscribers]
    columns = ("name", "topics", "seq", "lag", "waiting", "dead", "process_id")
    show_table(subscribers, columns, "no plugin has run here that subscribes")


@feed_command.command("dead")
@reads_deployment
@as_json
@in_loop
async def dead(deployment: Deployment, json_: bool) -> None:
    """Show the events that subscriptions failed on too often."""
    async with opened(deployment) as house:
        letters = [attrs.asdict(letter) for letter in await feed_report.dead_letters(house.database)]
    if json_:
        show_json(letters)
    else:
        columns = ("subscriber", "seq", "topic", "key", "attempts", "dead_at", "error")
        show_table(letters, columns, "none")


@feed_command.command("retry")
@click.argument("subscriber")
@reads_deployment
@in_loop
async def retry(deployment: Deployment, subscriber: str) -> None:
    """Try the dead letters of SUBSCRIBER (plugin.handler) again."""
    plugin, dot, name = subscriber.partition(".")
    if not (plugin and dot and name):
        raise SeraiError(f"{subscriber!r} names no subscription", hint="Write plugin.handler, as `serai feed` does.")
    async with opened(deployment) as house:
        count = await feed_report.retry(house.database, plugin, name)
    say(f"dead letters of {subscriber} that are tried again: {count}")
