"""Page bodies in, declared Arrow tables out: pure, no network, no disk, no clock."""

from pipeline.flatten.details import flatten_detail
from pipeline.flatten.listings import Flat, flatten

__all__ = ["Flat", "flatten", "flatten_detail"]
