"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Lake = Annotated[
    str | None,
    typer.Option(
        "--lake",
        envvar="REKLAKE_LAKE",
        help="The lake's folder.  (default: `lake` in reklake.toml, else data/lake)",
        show_default=False,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="A settings file.  (default: ./reklake.toml, if it is there)", show_default=False),
]
