"""Every setting: its key in reklake.toml, its variable, what it takes, and what is wrong with a value by itself."""

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
MOST_CALLS = 10_000
"""A second: far beyond any quota; guards against a slip of the keys."""
_ACCOUNT = re.compile(r"[0-9]{12}")
_UNIT = re.compile(r"ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|r-[0-9a-z]{4,32}")
_ROLE = re.compile(r"[\w+=,.@/-]{1,576}", re.ASCII)
_ROLE_ARN = re.compile(r"arn:[a-z-]+:iam::(?:\{account\}|[0-9]{12}):role/[\w+=,.@/-]{1,576}", re.ASCII)
_SESSION = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

Check = Callable[[Any], str]
"""Says what is wrong with a value (one of a list), and what is right; "" if nothing is."""


class Kind(StrEnum):
    """What a setting takes, in words."""

    TEXT = "a string"
    NUMBER = "a number"
    WHOLE = "a whole number"
    YES_NO = "true or false"
    TEXTS = "a list of strings"

    def fits(self, value: Any) -> bool:
        """Whether a value of reklake.toml is of this kind; true and false are no numbers."""
        if self is Kind.YES_NO or isinstance(value, bool):
            return self is Kind.YES_NO and isinstance(value, bool)
        if self is Kind.TEXTS:
            return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
        kinds: dict[Kind, tuple[type, ...]] = {Kind.TEXT: (str,), Kind.NUMBER: (int, float), Kind.WHOLE: (int,)}
        return isinstance(value, kinds[self])

    def read(self, text: str) -> Any:
        """Return what a variable's text says; ValueError if it is of another kind."""
        if self is Kind.TEXTS:
            return split(text)
        if self is Kind.YES_NO:
            if text.strip().lower() not in _YES_NO:
                raise ValueError
            return _YES_NO[text.strip().lower()]
        return {Kind.TEXT: str, Kind.NUMBER: float, Kind.WHOLE: int}[self](text)


def split(text: str) -> list[str]:
    """Return the details of a list that is written with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


@dataclass(frozen=True, slots=True)
class Key:
    """One setting. `field` is its name in the section's dataclass, if that is another one."""

    section: str
    name: str
    kind: Kind
    check: Check
    field: str = ""

    @property
    def full(self) -> str:
        """Its name with that of its section."""
        return f"{self.section}.{self.name}".lstrip(".")

    @property
    def target(self) -> str:
        """The field that it sets."""
        return self.field or self.name

    @property
    def variable(self) -> str | None:
        """The environment variable that says it, if one does."""
        return f"REKLAKE_{self.name.upper()}" if self.section in ("", "aws") else None

    @property
    def flag(self) -> str:
        """The flag that says it; the field's own name where a caller in Python does."""
        return FLAGS.get(self.target, self.target)


def _filled(value: str) -> str:
    return "" if value.strip() else "it must not be empty"


def _not_below_0(what: str) -> Check:
    return lambda value: "" if math.isfinite(value) and value >= 0 else f"give {what} of 0 or more"


def _at_least_1(value: int) -> str:
    return "" if value >= 1 else "it must be 1 or more"


def _rate(value: float) -> str:
    return "" if 0 < value <= MOST_CALLS else f"give calls a second, above 0 (the default quota is {QUOTA:g})"


def _burst(value: float) -> str:
    return "" if 1 <= value <= MOST_CALLS else "give the calls that may leave at once, 1 or more"


def _account(value: str) -> str:
    return "" if _ACCOUNT.fullmatch(value) else "an AWS account id has 12 digits"


def _unit(value: str) -> str:
    right = "an organizational unit's id is like ou-ab12-cdef3456, a root's like r-ab12"
    return "" if _UNIT.fullmatch(value) else right


def _role(value: str) -> str:
    if (_ROLE_ARN if value.startswith("arn:") else _ROLE).fullmatch(value):
        return ""
    return "give the role's name, or an ARN like arn:aws:iam::{account}:role/ReadModels"


def _session_name(value: str) -> str:
    return "" if _SESSION.fullmatch(value) else "a session name has 2 to 64 letters, digits, or _+=,.@-"


def _external_id(value: str) -> str:
    return "" if _EXTERNAL_ID.fullmatch(value) else "an external id has 2 to 1224 letters, digits, or _+=,.@:/-"


def _detail(value: str) -> str:
    known = [*DETAILS, NO_DETAILS]
    return "" if value in known else f"it is no detail{_nearest(value, known)}. Known: {', '.join(known)}"


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f" (did you mean {near[0]}?)" if near else ""


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
    Key("retention", "run_days", Kind.NUMBER, _not_below_0("a number of days")),
)
SECTIONS = tuple(dict.fromkeys(key.section for key in KEYS if key.section))
BY_NAME = {(key.section, key.name): key for key in KEYS}


def unknown(section: str, name: str, *, is_table: bool) -> str:
    """Say that there is no such setting, and which one may be meant."""
    full = f"{section}.{name}".lstrip(".")
    if is_table:
        near = difflib.get_close_matches(name, SECTIONS, 1)
        return f"[{name}] is no setting{f'; did you mean [{near[0]}]?' if near else f'. Known: {_listed(SECTIONS)}.'}"
    beside = {key.name: key for key in KEYS if key.section == section}
    elsewhere = {key.name: key for key in KEYS}
    for near_ones in (
        difflib.get_close_matches(name, beside, 1),
        [name],
        difflib.get_close_matches(name, elsewhere, 1),
    ):
        if near_ones and near_ones[0] in elsewhere:
            return f"{full} is no setting; did you mean {(beside | elsewhere)[near_ones[0]].full}?"
    return f"{full} is no setting. Known: {', '.join(key.full for key in beside.values())}."


def _listed(sections: tuple[str, ...]) -> str:
    return ", ".join(f"[{section}]" for section in sections)
