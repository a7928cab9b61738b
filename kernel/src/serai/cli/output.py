"""How verbs show their results: a table for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

_STYLES = {
    "running": "green",
    "done": "green",
    "ready": "green",
    "current": "green",
    "ok": "green",
    "degraded": "yellow",
    "starting": "yellow",
    "draining": "yellow",
    "behind": "yellow",
    "paused": "yellow",
    "failed": "red",
    "blocked": "red",
    "lost": "red",
    "ahead": "red",
    "bad": "red",
}


def show_json(value: Any) -> None:
    """Print a value as JSON, two spaces a level; moments as RFC 3339 in UTC."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    click.echo(text)


def show_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], empty: str) -> None:
    """Print rows as a table of these columns; `empty` where there are none."""
    if not rows:
        click.echo(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    Console(width=None if sys.stdout.isatty() else 200, highlight=False).print(table)


def say(line: str) -> None:
    """Tell people how it goes, on standard error: standard output is for results."""
    click.echo(line, err=True)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(sorted(map(str, value)))
    text = str(value)
    style = _STYLES.get(text)
    escaped = text.replace("[", "\\[")
    return f"[{style}]{escaped}[/{style}]" if style else escaped
