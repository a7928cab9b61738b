"""Options that many verbs share."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from serai.config.deployment import Deployment, read

F = TypeVar("F", bound=Callable[..., Any])


names_file = click.option(
    "-c",
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("serai.toml"),
    show_default=True,
    help="The deployment's file.",
)


def reads_deployment(command: F) -> F:
    """Give the command `deployment`, read from `-c FILE`."""

    @names_file
    @functools.wraps(command)
    def wrapped(config: Path, **arguments: Any) -> Any:
        deployment: Deployment = read(config, os.environ)
        return command(deployment=deployment, **arguments)

    return wrapped  # type: ignore[return-value]  # the decorated command takes one option more


as_json = click.option("--json", "json_", is_flag=True, help="Print JSON; docs/cli.md has the shape.")


def in_loop(command: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """Make a plain command of an async one."""

    @functools.wraps(command)
    def wrapped(**arguments: Any) -> Any:
        return asyncio.run(command(**arguments))

    return wrapped
