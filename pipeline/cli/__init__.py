"""The command line: one file for each family of commands, registered in app.py."""

from pipeline.cli.app import main

__all__ = ["main"]
