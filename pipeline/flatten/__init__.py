"""Page bodies in, declared Arrow tables out: pure, no network, no disk, no clock."""

from pipeline.flatten.details import flatten_detail
from pipeline.flatten.listings import Flat, flatten
from pipeline.flatten.texts import texts_in

__all__ = ["Flat", "flatten", "flatten_detail", "texts_in"]
