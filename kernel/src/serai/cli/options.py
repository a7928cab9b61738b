"""Options that many verbs share."""

from __future__ import annotations

import asyncio
import functools
import os
import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, TypeVar

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


class Duration(click.ParamType[float]):
    """A time such as `7d`, `12h`, `30m`, `45s` or `0`; the command gets seconds."""

    name = "duration"
    _FORM = re.compile(r"([0-9]{1,6})([smhd])|0", re.ASCII)
    _UNITS: ClassVar = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        form = self._FORM.fullmatch(str(value))
        if form is None:
            self.fail(f"{value!r} is no duration such as 7d, 12h, 30m, 45s or 0", param, ctx)
        return float(form[1]) * self._UNITS[form[2]] if form[1] else 0.0


def in_utc(moment: datetime | None) -> datetime | None:
    """What a person gave as a day or moment, which is meant in UTC."""
    return None if moment is None else moment.replace(tzinfo=UTC)
