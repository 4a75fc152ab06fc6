"""Texts sorted by their shapes, with those that were seen before at hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from pipeline.flatten.response_schema import Answer
from pipeline.flatten.shapes import Indices, Positions, Shape, UnfitError, learn, outline
from pipeline.flatten.texts import Mask, Texts

FEWEST_TEXTS = 40
"""Texts that a shape should have in the mean: of more shapes than that, each costs as much as it saves."""
SHAPES = 10
"""So many shapes are worth it, however few texts there are."""
REMEMBERED = 500
"""Shapes of an operation that are kept for the next pages, 5 kB each; beyond that, all are forgotten."""
PASSED_OVER = 30
"""How often texts are not even tried after some were not uniform: the next ones likely are neither."""


class NotUniformError(ValueError):
    """The texts have too many shapes, or most of them none."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Texts of one shape: their positions among all, and their bounds."""

    shape: Shape
    at: Indices
    bounds: Positions


@dataclass(slots=True)
class Memory:
    """The shapes that texts had before, by quotes and outlines; nothing but speed depends on it."""

    shapes: dict[tuple[int, bytes], Shape] = field(default_factory=dict)
    passed_over: int = 0

    def is_passed_over(self) -> bool:
        """Whether texts were not uniform lately; each time it is asked, some that are not tried have gone by."""
        if not self.passed_over:
            return False
        self.passed_over -= 1
        return True

    def pass_over(self) -> None:
        """Note that texts were not uniform."""
        self.passed_over = PASSED_OVER

    def learned(self, name: tuple[int, bytes], shape: Shape) -> Shape:
        """Keep a shape."""
        if len(self.shapes) >= REMEMBERED:
            self.shapes.clear()
        self.shapes[name] = shape
        return shape


@cache
def memory_of(_operation: str) -> Memory:
    """Return the memory that an operation's texts have, in this process."""
    return Memory()


def match(texts: Texts, memory: Memory, answer: Answer) -> tuple[list[Alike], list[int]]:
    """Sort texts by their shapes; returns also the positions of those that have none.

    NotUniformError if there are too many shapes, or too many texts have none.
    """
    most = max(SHAPES, len(texts) // FEWEST_TEXTS)
    alike: list[Alike] = []
    unfit: list[int] = []
    for quotes in np.unique(texts.quotes):
        left = np.flatnonzero(texts.quotes == quotes)
        while len(left):
            if len(alike) + len(unfit) >= most:
                raise NotUniformError
            try:
                shape, fits, bounds = _shape_of_first(texts, left, memory, answer)
            except UnfitError:
                unfit.append(int(left[0]))
                left = left[1:]
            else:
                alike.append(Alike(shape, left[fits], bounds))
                left = left[~fits]
    return alike, unfit


def _shape_of_first(texts: Texts, at: Indices, memory: Memory, answer: Answer) -> tuple[Shape, Mask, Positions]:
    """Return the shape of the first of some texts of as many quotes, which are of it, and the bounds of those."""
    text = texts[at[0]]
    name = int(texts.quotes[at[0]]), outline(text)
    if known := memory.shapes.get(name):
        fits, bounds = texts.bounds(known, at)
        if fits[0]:
            return known, fits, bounds
    shape = memory.learned(name, learn(text, answer))
    return shape, *texts.bounds(shape, at)
