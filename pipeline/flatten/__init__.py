"""Page bodies in, declared Arrow tables out: pure, no network, no disk, no clock."""

from pipeline.flatten.descriptions import Flat, flatten
from pipeline.flatten.details import flatten_part

__all__ = ["Flat", "flatten", "flatten_part"]
