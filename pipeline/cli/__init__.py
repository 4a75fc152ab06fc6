"""The command line: a file per family of commands; exit codes live only here."""

from pipeline.cli.app import main

__all__ = ["main"]
