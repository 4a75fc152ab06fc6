"""Page bodies in, declared Arrow tables out: pure, no network, no disk, no clock."""

from pipeline.flatten.descriptions import Flat, flatten

__all__ = ["Flat", "flatten"]
