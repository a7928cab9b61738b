"""The `serai` command."""

from serai.cli.main import main

__all__ = ["main"]
