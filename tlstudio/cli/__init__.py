"""The command line."""

from tlstudio.cli.command import cli, main

__all__ = ["cli", "main"]
