"""The `serai` command."""


def main() -> None:
    """Entry point of the `serai` script."""
