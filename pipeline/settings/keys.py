"""Every setting: its key in reklake.toml, its variable and flag, the kind of value it takes, and the value's rule."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pipeline.model.operations import DETAILS
from pipeline.settings.model import FLAGS, QUOTA

NO_DETAILS = "none"
HIGHEST_RATE = 10_000
"""Calls a second, far beyond any quota; catches a slip of the keys."""
_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

Check = Callable[[Any], str]
"""Takes a value (an item, if it is a list) and returns the rule that it breaks; "" if it breaks none."""


class Kind(StrEnum):
    """The kind of value that a setting takes, in words."""

    TEXT = "a string"
    NUMBER = "a number"
    WHOLE = "a whole number"
    YES_NO = "true or false"
    TEXTS = "a list of strings"

    def fits(self, value: Any) -> bool:
        """Whether a value of reklake.toml is of this kind. To Python true and false are numbers, here they are not."""
        if self is Kind.YES_NO or isinstance(value, bool):
            return self is Kind.YES_NO and isinstance(value, bool)
        if self is Kind.TEXTS:
            return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
        kinds: dict[Kind, tuple[type, ...]] = {Kind.TEXT: (str,), Kind.NUMBER: (int, float), Kind.WHOLE: (int,)}
        return isinstance(value, kinds[self])

    def parse(self, text: str) -> Any:
        """Return the value of a variable's text; ValueError if it is of another kind."""
        if self is Kind.TEXTS:
            return split(text)
        if self is Kind.YES_NO:
            if text.strip().lower() not in _YES_NO:
                raise ValueError
            return _YES_NO[text.strip().lower()]
        return {Kind.TEXT: str, Kind.NUMBER: float, Kind.WHOLE: int}[self](text)


def split(text: str) -> list[str]:
    """Return the items of a list that is separated by commas."""
    return [item.strip() for item in text.split(",") if item.strip()]


@dataclass(frozen=True, slots=True)
class Key:
    """One setting. `field` is the dataclass field that it sets, if that has another name."""

    section: str
    name: str
    kind: Kind
    check: Check
    field: str = ""

    @property
    def full(self) -> str:
        """The name with its section: `aws.rate`."""
        return f"{self.section}.{self.name}".lstrip(".")

    @property
    def target(self) -> str:
        """The field that it sets."""
        return self.field or self.name

    @property
    def variable(self) -> str | None:
        """The environment variable that sets it, if there is one."""
        return f"REKLAKE_{self.name.upper()}" if self.section in ("", "aws") else None

    @property
    def flag(self) -> str:
        """The flag that sets it; the name of the field, which a caller in Python uses, if there is none."""
        return FLAGS.get(self.target, self.target)


def _matching(pattern: str, rule: str) -> Check:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: "" if compiled.fullmatch(value) else rule


def _not_below_0(what: str) -> Check:
    return lambda value: "" if math.isfinite(value) and value >= 0 else f"give {what} of 0 or more"


def _at_least_1(value: int) -> str:
    return "" if value >= 1 else "it must be 1 or more"


def _rate(value: float) -> str:
    return "" if 0 < value <= HIGHEST_RATE else f"give calls a second, above 0 (the default quota is {QUOTA:g})"


def _burst(value: float) -> str:
    return "" if 1 <= value <= HIGHEST_RATE else "give a number of calls, 1 or more"


def _detail(value: str) -> str:
    known = [*DETAILS, NO_DETAILS]
    if value in known:
        return ""
    near = difflib.get_close_matches(value, known, 1)
    return f"unknown detail{f' (did you mean {near[0]}?)' if near else ''}. Known: {', '.join(known)}"


_filled = _matching(r"(?s:.*\S.*)", "it must not be empty")
_account = _matching(r"[0-9]{12}", "an AWS account id has 12 digits")
_unit = _matching(
    r"ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|r-[0-9a-z]{4,32}",
    "the id of an organizational unit looks like ou-ab12-cdef3456, that of a root like r-ab12",
)
_role = _matching(
    r"arn:[a-z-]+:iam::(?:\{account\}|[0-9]{12}):role/[\w+=,.@/-]{1,576}|(?!arn:)[\w+=,.@/-]{1,576}",
    "give the role's name, or an ARN like arn:aws:iam::{account}:role/ReadModels",
)
_session_name = _matching(r"[\w+=,.@-]{2,64}", "a session name has 2 to 64 letters, digits, or _+=,.@-")
_external_id = _matching(r"[\w+=,.@:/-]{2,1224}", "an external id has 2 to 1224 letters, digits, or _+=,.@:/-")

KEYS = (
    Key("", "lake", Kind.TEXT, _filled),
    Key("", "resume_within", Kind.NUMBER, _not_below_0("seconds")),
    Key("aws", "regions", Kind.TEXTS, _filled),
    Key("aws", "exclude_regions", Kind.TEXTS, _filled),
    Key("aws", "accounts", Kind.TEXTS, _account),
    Key("aws", "exclude_accounts", Kind.TEXTS, _account),
    Key("aws", "organization", Kind.YES_NO, lambda _: ""),
    Key("aws", "units", Kind.TEXTS, _unit),
    Key("aws", "exclude_units", Kind.TEXTS, _unit),
    Key("aws", "role", Kind.TEXT, _role),
    Key("aws", "external_id", Kind.TEXT, _external_id),
    Key("aws", "session_name", Kind.TEXT, _session_name),
    Key("aws", "profile", Kind.TEXT, _filled, field="profiles"),
    Key("aws", "profiles", Kind.TEXTS, _filled),
    Key("aws", "with", Kind.TEXTS, _detail, field="details"),
    Key("aws", "rate", Kind.NUMBER, _rate),
    Key("aws", "burst", Kind.NUMBER, _burst),
    Key("aws", "patience", Kind.NUMBER, _not_below_0("seconds")),
    Key("aws", "max_attempts", Kind.WHOLE, _at_least_1),
    Key("aws", "in_flight", Kind.WHOLE, _at_least_1),
    Key("aws", "scopes", Kind.WHOLE, _at_least_1),
    Key("prices", "training_hour", Kind.NUMBER, _not_below_0("a price")),
    Key("prices", "inference_unit_hour", Kind.NUMBER, _not_below_0("a price")),
    Key("prices", "currency", Kind.TEXT, _filled),
    Key("retention", "snapshots", Kind.WHOLE, lambda value: "" if value >= 1 else "at least 1 snapshot must stay"),
    Key("retention", "snapshot_days", Kind.NUMBER, _not_below_0("a number of days")),
    Key("retention", "raw_days", Kind.NUMBER, _not_below_0("a number of days")),
)
SECTIONS = tuple(dict.fromkeys(key.section for key in KEYS if key.section))
BY_NAME = {(key.section, key.name): key for key in KEYS}


def unknown(section: str, name: str, *, is_table: bool) -> str:
    """Return a sentence that says that there is no such setting, and which setting may be meant."""
    if is_table:
        setting, known = f"section [{name}]", {other: f"[{other}]" for other in SECTIONS}
        listed = [*known.values()]
    else:
        setting = "setting " + f"{section}.{name}".lstrip(".")
        known = {key.name: key.full for key in KEYS}
        listed = [key.full for key in KEYS if key.section == section]
    if near := difflib.get_close_matches(name, known, 1):
        return f"unknown {setting}; did you mean {known[near[0]]}?"
    return f"unknown {setting}. Known: {', '.join(listed)}."
