"""The command line: a file per family of commands; exit codes live only in exits.py."""

from pipeline.cli.app import command, main

__all__ = ["command", "main"]
