"""Random worlds over six syncs: after each step the lake shows what a model in plain Python shows.

A world is a plan that stands by itself: what happens at AWS before each sync, how the sync is run, and what goes wrong
in it. Its number decides all of it, so a number runs the same world again:

    REKLAKE_WORLD=17 pytest tests/property/test_worlds.py       this world only
    REKLAKE_WORLDS=300 pytest tests/property/test_worlds.py     the worlds 0 to 299

A world that fails is made smaller, and printed as Python.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.property.world_driver import (
    OPERATION_OF,
    PLAIN,
    PROJECTS,
    VERSIONS,
    Befalling,
    Driver,
    Layout,
    Opened,
    Ran,
    Run,
    befalling,
    parsed,
    quickly,
    undeclared,
)
from tests.property.world_model import DETAILS, KEYS, Edit, Listing, Model, Projects, Row, Scope, Truth, text

WORLDS = int(os.environ.get("REKLAKE_WORLDS", "8"))
"""How many worlds are run."""
SEEDS = [int(os.environ["REKLAKE_WORLD"])] if "REKLAKE_WORLD" in os.environ else range(WORLDS)
SYNCS = 6
LARGE_PAGE = 100
SHOWN = 4
TRIES = 25
"""How many smaller worlds are tried when one fails."""

HOME, OTHER = "111122223333", "444455556666"
WEST, EAST = "eu-west-1", "us-east-1"
LAYOUTS = (
    Layout((HOME,), (WEST, EAST)),
    Layout((HOME, OTHER), (EAST,)),
    Layout((HOME, OTHER), (WEST, EAST)),
)
ANCHOR = "anchor"
"""A project that is always there, so that no table of its scope is ever empty."""
NAMES = ("cat", "cat-2", "cats")
"""Names that begin alike: their ARNs are in another order than the names."""
VERSION_NAMES = ("v0", "v1", "v2", "v3")


@pytest.fixture(autouse=True)
def syncs_are_quick() -> Iterator[None]:
    with quickly():
        yield


# -- plans


@dataclass(frozen=True)
class Step:
    """What happens before a sync, and the sync."""

    edits: tuple[Edit, ...] = ()
    run: Run = PLAIN
    rolls_back: bool = False
    """Whether the last publication is undone before the sync."""
    replays: bool = False
    """Whether the run is replayed into the lake after it."""


@dataclass(frozen=True)
class Plan:
    """A world and its syncs; `gains_at` is the step from which on the column is declared that a table gains."""

    layout: Layout
    steps: tuple[Step, ...]
    gains_at: int = 0


def plan_of(seed: int) -> Plan:
    """Return the plan of a world's number."""
    dice = random.Random(seed)
    layout = replace(dice.choice([*LAYOUTS[:2], *LAYOUTS]), page_size=dice.choice([2, 2, 3, LARGE_PAGE]))
    gains_at = dice.choice([0, 0, 0, 1, 2, 3])
    steps: list[Step] = []
    for _ in range(SYNCS):
        steps.append(_step(dice, layout, steps))
    if dice.random() < 0.3:
        at = dice.randrange(1, SYNCS - 1)
        steps[at : at + 2] = _emptying(dice, layout)
    return Plan(layout, tuple(steps), gains_at)


def _emptying(dice: random.Random, layout: Layout) -> Sequence[Step]:
    """Return two steps that chance hardly brings about: a scope is emptied, and read whole, beside one that changes."""
    scope, other = dice.sample(range(len(layout.scopes)), 2)
    name = NAMES[0]
    made = [Edit("make project", at, name, value=3) for at in (scope, other)]
    made += [Edit("make version", at, name, item, 3) for at in (scope, other) for item in VERSION_NAMES]
    emptied = (Edit("delete all others", scope, ANCHOR), Edit("change version", other, name, "v0"))
    return Step(tuple(made), Run(repeated=((scope, name),))), Step(emptied)


def _step(dice: random.Random, layout: Layout, before: Sequence[Step]) -> Step:
    scopes = range(len(layout.scopes))
    if not before:
        edits = [Edit("make project", at, name, value=dice.randrange(8)) for at in scopes for name in NAMES[:2]]
        return Step((*edits, *_edits(dice, scopes, 6)))
    rolls_back = len(before) > 1 and dice.random() < 0.2
    # what nearly happened, or was undone, is best seen where nothing else happens
    is_quiet = dice.random() < (0.6 if rolls_back or before[-1].run.vanishing else 0.15)
    edits = [] if is_quiet else _edits(dice, scopes, dice.randrange(1, 8))
    run = PLAIN if is_quiet and dice.random() < 0.7 else _run(dice, layout)
    happens = [member.name for member in fields(Run) if getattr(run, member.name) != member.default]
    if happens and dice.random() < 0.5:
        chosen = dice.choice(happens)
        run = Run(**{chosen: getattr(run, chosen)})
    return Step(tuple(edits), run, rolls_back, replays=dice.random() < 0.12)


WHATS = (
    *["make version", "change version"] * 5,
    *["delete version", "return version", "change dataset"] * 3,
    *["delete project", "return project", "make project", "tag version"] * 2,
    *["make dataset", "delete dataset", "tag dataset", "tag project", "change project", "change policy"],
    *["delete policy", "delete all others"],
)


def _edits(dice: random.Random, scopes: Sequence[int], count: int) -> list[Edit]:
    return [_edit(dice, dice.choice(scopes)) for _ in range(count)]


def _edit(dice: random.Random, scope: int) -> Edit:
    what = dice.choice(WHATS)
    name = dice.choice((*NAMES, NAMES[0], ANCHOR)) if what.startswith(("change", "tag")) else dice.choice(NAMES)
    if what == "delete all others":
        name = ANCHOR
    item = ""
    if "version" in what:
        item = dice.choice(VERSION_NAMES)
    elif "dataset" in what:
        item = dice.choice(("train", "test"))
    elif "policy" in what:
        item = dice.choice(("p0", "p1"))
    return Edit(what, scope, name, item, dice.randrange(1000))


NOISE = (
    *["repeat_item", "empty_page_with_token"] * 3,
    *["expired_token", "cut_body"] * 2,
    *["html", "short_body", "reset", "internal_error", "throttle", "empty_token"],
)


def _run(dice: random.Random, layout: Layout) -> Run:
    def some(chance: float, make: Callable[[], Any], most: int = 1) -> tuple[Any, ...]:
        return tuple(make() for _ in range(dice.randint(1, most))) if dice.random() < chance else ()

    def scope() -> int:
        return dice.randrange(len(layout.scopes))

    def place() -> tuple[int, str]:
        return scope(), dice.choice(NAMES)

    fate = dice.random()
    return Run(
        details=dice.choice([*[DETAILS] * 8, None, (), ("tags",), ("datasets", "policies")]),
        omitted=dice.randrange(len(layout.regions)) if len(layout.regions) > 1 and dice.random() < 0.1 else None,
        denied=some(0.3, lambda: (scope(), dice.choice([PROJECTS, VERSIONS, VERSIONS]))),
        denied_details=some(0.25, lambda: (scope(), dice.choice(DETAILS)), 2),
        vanishing=some(0.3, lambda: (*place(), dice.choice([1, 1, 2]))),
        begun_again=some(0.25, place),
        repeated=some(0.35, lambda: (scope(), dice.choice([*NAMES, NAMES[0], ""])), 2),
        noise=some(
            0.5,
            lambda: (
                dice.choice(NOISE),
                scope(),
                dice.choice([PROJECTS, VERSIONS, VERSIONS, *OPERATION_OF.values()]),
                dice.choice([None, 1, 2]),
            ),
            3,
        ),
        strict=fate < 0.25,
        dies=0.25 <= fate < 0.4,
        is_killed=fate < 0.35,
        resumes=dice.random() < 0.75,
    )


# -- lives


@dataclass
class Taken:
    """A listing that a run has published, and when it ended."""

    listing: Listing
    at: datetime


@dataclass
class Life:
    """A lake and its model, step by step."""

    driver: Driver
    gains_at: int = 0
    model: Model = field(default_factory=Model)
    number: int = 0
    """The step that is under way."""

    def __post_init__(self) -> None:
        self.truth = Truth(self.driver.layout.scopes)
        self.published: list[tuple[str, Model]] = []
        """The current snapshot and those that it goes on from, each with what it shows."""
        self.runs: list[tuple[str, list[Taken]]] = []
        """Every run that has published, be it that nothing was new, with the listings that it took."""
        self.pending: dict[Scope, list[Listing]] = {}
        """Listings that were not published: the last run that made one may have been any of these."""
        self.is_recent: set[Scope] = set()
        """Scopes that the last run has listed to their end, and did not publish."""
        self.newest: dict[Scope, datetime] = {}
        """When the newest listing of each scope ended that was ever published."""
        self.is_attempted: dict[Scope, bool] = {}
        """Whether the last sync that tried a scope has listed it to its end, and published it."""
        self.rolled_back: set[Scope] = set()
        """Scopes not listed since a rollback: a snapshot does not know of listings after it that found nothing new."""

    @property
    def is_declared(self) -> bool:
        """Whether the table has gained its column."""
        return self.number >= self.gains_at

    def step(self, step: Step) -> None:
        """Go through a step, and look at the lake."""
        if step.rolls_back and len(self.published) > 1:
            self.roll_back()
        for edit in step.edits:
            self.truth.apply(edit)
        ran = self.sync(step.run)
        if self.published:
            self.compare(checks=True)
        if step.replays and ran and self.runs and ran.run_id == self.runs[-1][0]:
            self.replay()
        self.number += 1

    def roll_back(self) -> None:
        """Return to the snapshot before the current one."""
        self.published.pop()
        snapshot_id, shown = self.published[-1]
        self.driver.rollback(snapshot_id)
        self.model = shown.copy()
        self.rolled_back = set(self.driver.layout.scopes)
        self.compare()

    def sync(self, run: Run) -> Ran | None:
        """Sync, and take into the model what the run has listed."""
        layout = self.driver.layout
        there = {scope: self.truth.listed(scope) for scope in layout.scopes}
        befalls = befalling(run, layout, there)
        asked = [scope for scope in layout.scopes if run.omitted is None or scope[1] != layout.regions[run.omitted]]
        began = datetime.now(UTC)
        with declaring(is_declared=self.is_declared):
            ran = self.driver.sync(run, befalls)
        ended = datetime.now(UTC)
        listed = {
            scope: _listing(scope, there[scope], run, befalls, began, ended)
            for scope in asked
            if scope not in befalls.failing
        }
        resumable = {
            scope
            for scope in asked
            if run.resumes and any(run.wanted() <= known.details for known in self.pending.get(scope, ()))
        }
        if ran is None:
            self._keep_for_later(asked, listed, resumable)
            self.is_attempted |= {} if run.is_killed else dict.fromkeys(asked, False)
            return None
        resumed = {scope for scope in asked if scope in ran.scopes and ran.scopes[scope].resumed_from}
        assert resumable & self.is_recent <= resumed <= resumable, "what the last run has listed is not asked again"
        whole = {scope: listing for scope, listing in listed.items() if scope not in resumed}
        for scope in resumed:
            whole[scope] = _listed_at(self.pending[scope], ran.scopes[scope].listed_at)
        assert {scope for scope, end in ran.scopes.items() if end.outcome == "complete"} == whole.keys()
        assert ran.outcome == _outcome(run, asked, whole, resumed)
        if ran.outcome == "failed":
            self._keep_for_later(asked, whole, set())
            self.is_attempted |= dict.fromkeys(asked, False)
            assert not ran.is_published
            return ran
        self._publish(ran, asked, whole)
        return ran

    def _keep_for_later(self, asked: list[Scope], listed: Mapping[Scope, Listing], resumable: set[Scope]) -> None:
        """Note what a run has listed that did not publish; what it may have taken over is still there, too."""
        self.is_recent = set()
        for scope in asked:
            before = self.pending.get(scope, []) if scope in resumable or scope not in listed else []
            self.pending[scope] = [*before, *([listed[scope]] if scope in listed else [])]
        self.is_recent = {scope for scope in listed if scope not in resumable}

    def _publish(self, ran: Ran, asked: list[Scope], whole: Mapping[Scope, Listing]) -> None:
        is_new = not self.published or self.is_declared != self.model.has_column
        taken = []
        for scope, listing in whole.items():
            at = ran.scopes[scope].listed_at
            assert at is not None
            assert listing.began <= at <= listing.ended, "a listing's instant is that of its last page"
            is_new |= self.model.take(listing, at, is_declared=self.is_declared)
            taken.append(Taken(listing, at))
            self.newest[scope] = max(at, self.newest.get(scope, at))
            self.pending.pop(scope, None)
            self.rolled_back.discard(scope)
        self.is_recent = set()
        self.is_attempted |= {scope: scope in whole for scope in asked}
        self.runs.append((ran.run_id, taken))
        assert ran.is_published == is_new, "a snapshot is published if something is new, and only then"
        self.model.has_column = self.is_declared
        if is_new:
            assert ran.snapshot is not None
            self.published.append((ran.snapshot, self.model.copy()))

    def replay(self) -> None:
        """Replay the last run into the lake: its instants are told anew, and nothing else is."""
        run_id, taken = self.runs[-1]
        with declaring(is_declared=self.is_declared):
            assert self.driver.replay(run_id).outcome in {"complete", "partial"}
        for listed in taken:
            self.model.take(listed.listing, listed.at, is_declared=self.is_declared)
        self.compare()

    # -- looking at the lake

    def compare(self, *, checks: bool = False) -> None:
        """Compare the lake with its model; and ask its `checks`, which take a third of all time."""
        with declaring(is_declared=self.model.has_column):  # verify cannot read a snapshot that lacks a column
            assert self.driver.verify() == []
        with self.driver.opened() as lake:
            compare_rows(lake, self.model)
            compare_states(lake, self.model)
            compare_instants(lake, self.model, every=self.number == SYNCS - 1)
            compare_changes(lake, self.model)
            self.compare_scopes(lake)
            found = {name for name, _ in lake.check()} if checks else set()
            assert found <= ({"scopes_stale"} if self.stale() | self.rolled_back else set())

    def stale(self) -> set[Scope]:
        """Return the scopes whose rows are not known to be true any more."""
        return {
            scope
            for scope, is_published in self.is_attempted.items()
            if not is_published or self.model.listed_at.get(scope) != self.newest.get(scope)
        }

    def compare_scopes(self, lake: Opened) -> None:
        """Compare what the lake says of how old each scope is."""
        shown = {
            (row["account_id"], row["region"]): row
            for row in lake.rows("select account_id, region, outcome, last_complete_at, stale_since from scopes")
        }
        assert {scope for scope, row in shown.items() if row["outcome"] != "complete"} >= self.stale()
        for scope in self.is_attempted.keys() - self.rolled_back:
            listed_at = self.model.listed_at.get(scope)
            assert ("stale_since" in shown[scope]) == (scope in self.stale())
            assert shown[scope].get("last_complete_at") == listed_at
            if scope in self.stale() and listed_at:
                assert shown[scope]["stale_since"] == listed_at

    def compare_replayed(self, lake: Path) -> None:
        """Replay all runs into an empty lake, and compare that with what they have listed."""
        if not self.runs:
            return
        rebuilt = self.driver.rebuilt(lake)
        model = Model()
        for run_id, taken in self.runs:
            rebuilt.replay(run_id)
            for listed in taken:
                model.take(listed.listing, listed.at)
        assert rebuilt.verify() == []
        with rebuilt.opened() as opened:
            compare_rows(opened, model)
            compare_states(opened, model)


def declaring(*, is_declared: bool) -> AbstractContextManager[None]:
    """Let the product declare the column that a table gains, or not yet."""
    return nullcontext() if is_declared else undeclared()


def _listing(scope: Scope, there: Projects, run: Run, befalls: Befalling, began: datetime, ended: datetime) -> Listing:
    """Return what a run lists of a scope."""
    projects = {name: project for name, project in there.items() if (scope, name) not in befalls.vanishing}
    details = frozenset(detail for detail in run.wanted() if (scope, detail) not in befalls.failing_details)
    return Listing(scope, projects, details, began, ended)


def _listed_at(known: list[Listing], at: datetime | None) -> Listing:
    """Return the listing that ended at that instant."""
    (found,) = [listing for listing in known if at and listing.began <= at <= listing.ended]
    return found


def _outcome(run: Run, asked: list[Scope], whole: Mapping[Scope, Listing], resumed: set[Scope]) -> str:
    """Return how a run must end; a detail that is not permitted, and was not named, is no failure."""
    lacks_details = run.details is not None and any(
        run.wanted() - listing.details for scope, listing in whole.items() if scope not in resumed
    )
    if not whole:
        return "failed"
    if len(whole) == len(asked) and not lacks_details:
        return "complete"
    return "failed" if run.strict else "partial"


# -- comparing


def compare_rows(lake: Opened, model: Model) -> None:
    """Compare the current rows of every table."""
    for name in KEYS:
        assert_equal(f"rows of {name}", map(parsed, lake.rows(f"from {name}")), model.current(name))


def compare_states(lake: Opened, model: Model) -> None:
    """Compare every state, with when it began and ended; how it did so follows from the others."""
    for name in KEYS:
        found = [
            {column: value for column, value in parsed(row).items() if column not in FOLLOWING}
            for row in lake.rows(f"from history.{name}")
        ]
        expected = [
            {**state.row, "valid_from": state.valid_from} | ({"valid_to": state.valid_to} if state.valid_to else {})
            for state in model.states[name]
        ]
        assert_equal(f"states of {name}", found, expected)


FOLLOWING = frozenset({"begins_as", "ends_as", "differences"})
"""Columns of a history that follow from the states beside a state, and need not be there."""


def compare_instants(lake: Opened, model: Model, *, every: bool) -> None:
    """Compare what the tables were at the instants of listings: the last two, or all."""
    instants = sorted({state.valid_from for states in model.states.values() for state in states})
    for instant in instants if every else instants[-2:]:
        for name in KEYS if not every else ("projects", "project_versions"):
            found = lake.rows(f"from as_of.{name}('{instant.isoformat()}'::timestamptz)")
            assert_equal(f"{name} as of {instant}", map(parsed, found), model.as_of(name, instant))


CHANGES = """
select changed_at, account_id, region, table_name, arn, item, change, column_name, value_before, value_after
from changes
"""


def compare_changes(lake: Opened, model: Model) -> None:
    """Compare the mart `changes`."""
    found = [
        {name: _ordered(value) if row.get("column_name") == "extra" else value for name, value in row.items()}
        for row in lake.rows(CHANGES)
        if not model.is_about_gaining(row)
    ]
    expected = [change for change in model.changes() if not model.is_about_gaining(change)]
    assert_equal("changes", found, expected)


def _ordered(value: Any) -> Any:
    """Return the text of an object with its members in order; another value as it is."""
    is_object = isinstance(value, str) and value.startswith("{")
    return text(parsed({"extra": value})["extra"]) if is_object else value


def assert_equal(what: str, found: Iterable[Row], expected: Iterable[Row]) -> None:
    """Compare rows in any order, and tell those that only one side has."""
    has, should_have = (Counter(map(_shown, rows)) for rows in (found, expected))
    if has != should_have:
        more, fewer = (sorted(only.elements()) for only in (has - should_have, should_have - has))
        lines = [f"{what}: {len(more)} rows too many in the lake, {len(fewer)} are not there", *more[:SHOWN]]
        raise AssertionError("\n".join([*lines, "not there:", *fewer[:SHOWN]]))


def _shown(row: Row) -> str:
    return ", ".join(f"{name}={text(value)}" for name, value in sorted(row.items()))


# -- running worlds, and making those smaller that fail


FAILED_BEFORE: tuple[Plan, ...] = ()
"""Plans of worlds that have failed, as they were printed: they are run first."""


def live(plan: Plan, begun: list[Step]) -> None:
    """Go through a world, and note the steps that have begun; an exception if the lake does not show what it must."""
    with TemporaryDirectory() as folder:
        driver = Driver(Path(folder) / "lake", plan.layout)
        with driver.serving():
            life = Life(driver, plan.gains_at)
            for step in plan.steps:
                begun.append(step)
                life.step(step)
            life.compare_replayed(Path(folder) / "rebuilt")


def failure_of(plan: Plan) -> tuple[Plan, Exception] | None:
    """Return what goes wrong in a world, with its plan up to there; None if nothing does."""
    begun: list[Step] = []
    try:
        live(plan, begun)
    except Exception as error:  # noqa: BLE001  # whatever it is, the world shows it
        return replace(plan, steps=tuple(begun)), error
    return None


def made_smaller(plan: Plan, error: Exception) -> tuple[Plan, Exception]:
    """Return a smaller plan that fails too, and how it does."""
    tries, candidates = 0, smaller(plan)
    while tries < TRIES and (candidate := next(candidates, None)) is not None:
        tries += 1
        if found := failure_of(candidate):
            plan, error = found
            candidates = smaller(plan)
    return plan, error


def smaller(plan: Plan) -> Iterator[Plan]:
    """Yield plans in which less happens, those first in which much less does."""
    steps = plan.steps
    for at in range(len(steps) - 1):
        yield replace(plan, steps=(*steps[:at], *steps[at + 1 :]))
    for at, step in enumerate(steps):
        for less in _smaller_steps(step):
            yield replace(plan, steps=(*steps[:at], less, *steps[at + 1 :]))
    if plan.gains_at:
        yield replace(plan, gains_at=0)
    if plan.layout.page_size < LARGE_PAGE:
        yield replace(plan, layout=replace(plan.layout, page_size=LARGE_PAGE))


def _smaller_steps(step: Step) -> Iterator[Step]:
    if step.run != PLAIN:
        yield replace(step, run=PLAIN)
    size = len(step.edits)
    while size:
        for at in range(0, len(step.edits), size):
            yield replace(step, edits=(*step.edits[:at], *step.edits[at + size :]))
        size //= 2
    for name in ("rolls_back", "replays"):
        if getattr(step, name):
            yield replace(step, **{name: False})
    for member in fields(Run):
        if getattr(step.run, member.name) != member.default:
            yield replace(step, run=replace(step.run, **{member.name: member.default}))


def as_python(value: Any) -> str:
    """Return a plan as Python that makes it, without what is as it is by default."""
    if isinstance(value, tuple):
        items = ", ".join(map(as_python, value))
        return f"({items},)" if len(value) == 1 else f"({items})"
    if not is_dataclass(value):
        return repr(value)
    values = {member.name: (getattr(value, member.name), member.default) for member in fields(value)}
    told = {name: now for name, (now, default) in values.items() if default is MISSING or now != default}
    members = ", ".join(f"{name}={as_python(now)}" for name, now in told.items())
    return f"{type(value).__name__}({members})"


@pytest.mark.parametrize("world", [*FAILED_BEFORE, *SEEDS])
def test_a_lake_shows_what_a_model_in_plain_python_shows(world: int | Plan):
    plan = world if isinstance(world, Plan) else plan_of(world)
    if failure := failure_of(plan):
        error = failure[1]
        least, last = made_smaller(*failure)
        raise AssertionError(
            f"world {world if isinstance(world, int) else 'of FAILED_BEFORE'}: {error}\n\n"
            f"Made smaller, it fails with {type(last).__name__}: {last}\n\n"
            f"It runs again with REKLAKE_WORLD={world}; the smaller one runs with FAILED_BEFORE = (\n"
            f"    {as_python(least)},\n)"
        ) from last


# -- faults of today, each by itself


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    """A lake of two scopes, and what is there, in `WEST` and `EAST`: a project of three versions and a dataset."""
    with Driver(tmp_path / "lake", Layout((HOME,), (WEST, EAST))).serving() as serving:
        yield serving


@pytest.fixture
def truth(driver: Driver) -> Truth:
    made = Truth(driver.layout.scopes)
    for at in range(len(made.scopes)):
        made.apply(Edit("make project", at, "cat", value=3))
    return made


AT_WEST, AT_EAST = 0, 1


def sync(driver: Driver, truth: Truth, run: Run = PLAIN) -> Ran:
    there = {scope: truth.listed(scope) for scope in truth.scopes}
    ran = driver.sync(run, befalling(run, driver.layout, there))
    assert ran is not None
    return ran


def count(driver: Driver, rows: str) -> int:
    with driver.opened() as lake:
        return len(lake.rows(f"from {rows}"))


def test_a_project_that_vanishes_in_one_sync_and_is_listed_again_in_the_next_is_there_with_its_datasets(
    driver: Driver, truth: Truth
):
    sync(driver, truth)
    sync(driver, truth, Run(vanishing=((AT_WEST, "cat", 1),)))
    assert [count(driver, table) for table in ("projects", "datasets", "project_versions")] == [1, 1, 3]
    assert sync(driver, truth).outcome == "complete"
    assert count(driver, "project_versions") == 6
    assert [count(driver, table) for table in ("projects", "datasets")] == [2, 2]


def test_versions_of_a_scope_that_has_none_left_end_though_another_scope_is_read_for_its_changes_only(
    driver: Driver, truth: Truth
):
    sync(driver, truth, Run(repeated=((AT_WEST, "cat"),)))  # so that the scope is read whole by the next sync
    truth.apply(Edit("delete project", AT_WEST, "cat"))
    truth.apply(Edit("change version", AT_EAST, "cat", "v0"))
    sync(driver, truth)
    assert count(driver, "project_versions") == 3
    assert count(driver, "as_of.project_versions(now())") == 3


def test_a_row_that_did_not_change_does_not_look_changed_where_its_scope_failed_when_the_table_gained_a_column(
    driver: Driver, truth: Truth
):
    with undeclared():
        sync(driver, truth)
    sync(driver, truth, Run(denied=((AT_WEST, VERSIONS),)))
    sync(driver, truth, Run(repeated=((AT_WEST, "cat"),)))  # so that the scope is read whole
    assert count(driver, "project_versions where version_description is not null") == 6
    assert count(driver, "changes where change = 'changed'") == 0


def test_a_scope_that_failed_when_a_table_gained_a_column_has_its_values_when_it_is_listed_again(
    driver: Driver, truth: Truth
):
    with undeclared():
        sync(driver, truth)
    sync(driver, truth, Run(denied=((AT_WEST, VERSIONS),)))
    sync(driver, truth)
    assert count(driver, "project_versions where version_description is not null") == 6
    assert count(driver, "project_versions where extra is not null") == 0


def test_verify_reads_a_snapshot_that_lacks_a_column(driver: Driver, truth: Truth):
    with undeclared():
        sync(driver, truth)
    assert driver.verify() == []
