"""How large and how often: the sizes of a full bench, and of one for every day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    """Sizes are in versions. `peers` are the sizes that peers run, where they are slower than one can wait for."""

    runs: int
    flatten: int
    flatten_peers: int
    sync: int
    sync_peers: int
    sync_peer_runs: int
    again: int
    growth: tuple[int, ...]
    history: tuple[int, ...]
    """Runs that a lake has had before the sync that is timed; its world has `history_versions`."""
    history_versions: int
    kinds: int
    kind_runs: int
    startup_runs: int
    profile: int
    scripts: bool
    """Whether the benches that are scripts of their own run too: histories, queries, pace, breadth."""
    scratch: Path = Path()
    """A folder for what the suites write."""


FULL = Plan(
    runs=5,
    flatten=200_000,
    flatten_peers=20_000,
    sync=200_000,
    sync_peers=100_000,
    sync_peer_runs=5,
    again=200_000,
    growth=(10_000, 50_000, 100_000, 1_000_000),
    history=(1, 10, 100),
    history_versions=5_000,
    kinds=100_000,
    kind_runs=5,
    startup_runs=20,
    profile=200_000,
    scripts=True,
)
QUICK = Plan(
    runs=1,
    flatten=20_000,
    flatten_peers=5_000,
    sync=5_000,
    sync_peers=5_000,
    sync_peer_runs=1,
    again=10_000,
    growth=(2_000, 10_000),
    history=(1, 3),
    history_versions=1_000,
    kinds=2_000,
    kind_runs=1,
    startup_runs=5,
    profile=10_000,
    scripts=False,
)
