"""`serai queue` and `serai webhooks`: what they print and do, on a real database."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from serai.cli.main import cli
from serai.errors import NotFound


@pytest.fixture
def serai(database_url, tmp_path):
    """Run a command on an empty deployment; its output."""
    file = tmp_path / "serai.toml"
    file.write_text(f'[kernel]\ndatabase = "{database_url}"\nkeys = ["{"k" * 32}"]\n')

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(cli, [*arguments, "-c", str(file)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_an_empty_deployment_has_nothing_queued_and_no_webhooks(serai):
    assert "the queue is empty" in serai("queue")
    assert json.loads(serai("queue", "--json")) == {"tasks": [], "failed": []}
    assert "no client has a webhook" in serai("webhooks")
    assert json.loads(serai("webhooks", "--json")) == []
    serai("queue", "retry", "--all")
    for arguments in (["queue", "show", "7"], ["queue", "drop", "7", "--yes"], ["webhooks", "enable", "wh_7"]):
        with pytest.raises(NotFound):
            serai(*arguments)
