"""Names, accounts and buckets that AWS never sends: they are data, and become neither path, SQL, markup nor escape."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from pipeline import landing, settings
from pipeline.cli import main, render
from pipeline.cli.progress import watching
from pipeline.emulator import Emulator, StaticWorld
from pipeline.errors import LakeError
from pipeline.jobs import replay, sync
from pipeline.jobs.verify import verify
from pipeline.lake import LocalLake, snapshot
from pipeline.lake.run_record import Outcome
from pipeline.model import TABLES
from pipeline.model.page import Scope
from pipeline.query import answers, database
from pipeline.query.result import QueryResult
from pipeline.query.sqlfiles import read
from tests.service.worlds import ACCOUNT, REGION, project, rows, version

NAMES = (
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "a'; drop table projects; --",
    'q"',
    "back\\\\slash\\",
    "nul\0nul",
    "new\nline\r\ttab\x0b\x0c\x85\u2028",
    "%s%n%(x)s",
    "{}{account}{0.__class__}",
    "[red]x[/red]",
    "[/]",
    ":skull:",
    "\x1b[31mred\x1b[2J\x1b]0;title\x07",
    "\x9b31m\x7f\x08",
    "\u202egnp.exe\u2066\u200f",
    "n" * 255,
    "=cmd|' /C calc'!A0",
    "a|b<script>`$(id)`",
    "$$x$$",
)
FORMS = [form for form in render.Format if form is not render.Format.parquet]
EVERY_VIEW = [
    *(table.name for table in TABLES),
    *(f"history.{table.name}" for table in TABLES),
    *(f"as_of.{table.name}(now())" for table in TABLES),
    *(file.name for folder in ("views", "marts") for file in read(folder)),
]


def hostile_world(status: str) -> StaticWorld:
    listed = []
    for name in NAMES:
        one = project(name)
        assets = [{"GroundTruthManifest": {"S3Object": {"Bucket": name, "Name": name}}}]
        described = version(
            one,
            name,
            Status=status,
            StatusMessage=name,
            VersionDescription=name,
            KmsKeyId=name,
            OutputConfig={"S3Bucket": name, "S3KeyPrefix": name},
            SourceProjectVersionArn=name,
            TrainingDataResult={"Input": {"Assets": assets}},
            EvaluationResult={"F1Score": 0.5, "Summary": {"S3Object": {"Bucket": name, "Name": name}}},
            Novelty={name: name},
        )
        listed.append((one, [described]))
    for account, region in (("../../../x", REGION), (ACCOUNT, "$(x)/../.."), ("9" * 12, "eu-west-1")):
        elsewhere = project("elsewhere", account, region)
        listed.append((elsewhere, [version(elsewhere, "v1")]))
    return StaticWorld({(ACCOUNT, REGION): listed})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that holds a lake, synced twice and replayed, and nothing else."""
    folder = tmp_path_factory.mktemp("hostile")
    for status in ("TRAINING_COMPLETED", "RUNNING"):
        with Emulator(hostile_world(status)) as endpoint, pytest.MonkeyPatch.context() as patch:
            patch.setattr("pipeline.emulator.service.problems", lambda *_: [])  # AWS takes what it has sent
            for name, value in endpoint.environment().items():
                patch.setenv(name, value)
            result = sync.sync(chosen(folder), lambda _: None)
            assert (result.record.outcome, result.warning) == (Outcome.COMPLETE, None)
    return folder


def chosen(folder: Path) -> settings.Settings:
    return settings.load(lake=str(folder / "lake"), environment={}, regions=[REGION], rate=1000)


@pytest.fixture
def command(place: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(place)
    monkeypatch.setenv("REKLAKE_LAKE", "lake")

    def ran(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["reklake", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return ended.value.code or 0, out.decode(), err.decode()

    return ran


def raw(text: str) -> set[str]:
    """The characters that do something to a terminal, but for the ends of lines."""
    return {one for one in text if unicodedata.category(one) in {"Cc", "Zl", "Zp"} or one in "\u202e\u2066\u200f"} - {
        "\n"
    }


def every_answer(place: Path) -> Iterator[tuple[str, QueryResult]]:
    prices = settings.Prices()
    folder = snapshot.current(LocalLake(place / "lake")).folder()
    with database.connect(place / "lake", snapshot=folder, prices=prices) as con:
        for name in EVERY_VIEW:
            (result,) = answers.run(con, answers.parse(con, f"from {name}"))
            yield name, result


def test_names_come_through_as_they_are(place: Path):
    lake = place / "lake"
    found = rows(lake, "project_versions")
    assert {one["status_message"] for one in found} - {None} == set(NAMES)
    assert {one["output_bucket"] for one in found} - {None} == set(NAMES)
    assert {one["bucket"] for one in rows(lake, "version_assets")} == set(NAMES)
    assert {one["project_name"] for one in rows(lake, "projects")} >= {one for one in NAMES if "/" not in one}
    assert {(one["account_id"], one["region"]) for one in found} == {(ACCOUNT, REGION)}
    report = verify(LocalLake(lake))
    assert (report.differences, report.descriptions) == ([], 2 * len(NAMES) + 6)


def test_a_replay_gives_the_same_tables_and_no_other_file(place: Path):
    anew = place / "anew"
    anew.mkdir()
    (anew / "raw").symlink_to(place / "lake" / "raw")
    elsewhere = settings.load(lake=str(anew), environment={}, regions=[REGION])
    for run_id in replay.replayable(elsewhere):
        assert replay.replay(elsewhere, run_id, lambda _: None).record.outcome is Outcome.COMPLETE
    of = [snapshot.current(LocalLake(folder)).manifest["tables"] for folder in (anew, place / "lake")]
    assert of[0] == of[1]
    shutil.rmtree(anew)


def test_no_name_of_aws_is_a_path(place: Path):
    assert [path.name for path in place.iterdir()] == ["lake"]
    tables = "|".join(table.name for table in TABLES)
    run_id = r"\d{8}T\d{6}Z-[0-9a-f]{8}"
    known = re.compile(
        rf"CURRENT|\.lock|lake\.duckdb|raw/{run_id}/{ACCOUNT}_{REGION}\.parquet|runs/({run_id}\.json|none\.parquet)"
        rf"|snapshots/{run_id}/(manifest\.json|(history/)?({tables})\.parquet)"
    )
    for path in (place / "lake").rglob("*"):
        assert path.is_dir() or known.fullmatch(str(path.relative_to(place / "lake"))), path


@pytest.mark.parametrize("account", ["../../../x", "..", "a/b", "", "x\0", "1\n2", "12_34"])
def test_an_account_that_is_none_does_not_lead_out_of_the_lake(account: str, tmp_path: Path):
    lake = LocalLake(tmp_path / "lake")
    for scope in (Scope(REGION, account), Scope(account, ACCOUNT)):
        with pytest.raises(LakeError, match="cannot be landed"), landing.land(lake, "r1", scope):
            pass
    assert [*tmp_path.rglob("*")] == []


@pytest.mark.parametrize("form", render.Format)
def test_every_view_in_every_form(place: Path, form: render.Format):
    for name, result in every_answer(place):
        out = io.BytesIO()
        columns = result.schema.names
        render.write(result, form, out)
        content = out.getvalue()
        if form is render.Format.parquet:
            assert pq.read_table(io.BytesIO(content)).schema.names == columns
            continue
        text = content.decode()
        match form:
            case render.Format.table:
                assert raw(text) == set(), name
                assert text.split("\n")[0].split() == columns
            case render.Format.csv:
                records = [*csv.reader(io.StringIO(text, newline=""), strict=True)]
                assert {len(record) for record in records} == {len(columns)}
                if name == "version_assets":
                    at = columns.index("bucket")
                    assert {record[at] for record in records[1:]} == set(NAMES)
            case render.Format.markdown:
                assert {len(re.findall(r"(?<!\\)\|", line)) for line in text.split("\n")[:-1]} == {len(columns) + 1}
            case _:
                found = json.loads(text) if form is render.Format.json else [*map(json.loads, text.split("\n")[:-1])]
                if name == "version_assets":
                    assert {one["bucket"] for one in found} == set(NAMES)


@pytest.mark.parametrize("width", [60, 4000])
def test_a_terminal_sees_names_and_obeys_none(place: Path, width: int):
    for name, result in every_answer(place):
        shown = io.StringIO()
        console = Console(file=shown, force_terminal=True, color_system=None, width=width)
        render.show(result, console)
        assert raw(shown.getvalue()) == set(), name
        if name == "version_assets" and width > 100:
            for one in (
                r"\x1b[31mred\x1b[2J",
                "[red]x[/red]",
                ":skull:",
                r"\u202egnp",
                r"nul\x00nul",
                "%s%n",
                "{}{acc",
            ):
                assert one in shown.getvalue()


def test_commands_show_names_and_obey_none(command):
    for arguments in (
        ["sql", "from projects; from model_inventory; from f1_trend"],
        ["sql", "explain analyze from projects where project_name = chr(27) || '[2J'"],
        ["sql", 'select 1 as "\x1b[2J"'],
        ["changes", "--since", "1d"],
        ["runs"],
        ["tables"],
        ["doctor", "--no-aws"],
        ["gc"],
        ["verify"],
    ):
        code, out, err = command(*arguments)
        assert code == 0, err
        assert out
        assert raw(out) == set(), arguments
    for form in FORMS:
        assert command("changes", "--since", "1d", "--format", form)[0] == 0
        assert command("runs", "--format", form)[0] == 0
    assert command("tables", "--format", "json")[0] == 0


def test_checks_name_what_does_not_fit_and_stay_on_their_lines(command):
    code, out, err = command("check")
    assert (code, err) == (4, "")
    assert "error arn_scope: 6 rows" in out
    assert raw(out) == set()
    assert "skull" not in out or ":skull:" in out
    code, out, _ = command("check", "--format", "json")
    assert code == 4
    assert json.loads(out)


@pytest.mark.parametrize("text", ['from "\x1b[2J"', "select '\x1b[2J'::int", "copy \x1b[2J"])
def test_an_error_message_does_not_move_the_cursor(command, text: str):
    code, out, err = command("sql", text)
    assert (code, out) == (2, "")
    assert raw(err) == set()
    assert r"\x1b" in err


def test_progress_does_not_move_the_cursor(monkeypatch: pytest.MonkeyPatch):
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, color_system=None, width=200, emoji=True)
    monkeypatch.setattr("rich.console.Console", lambda **options: _like(console, options))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with watching(quiet=False) as observe:
        observe(sync.Event("scope", Scope(REGION, ACCOUNT), "failed: project \x1b[31mred :skull: \u202e [red]x[/red]"))
    assert r"failed: project \x1b[31mred :skull: \u202e [red]x[/red]" in shown.getvalue()


def _like(console: Console, options: dict) -> Console:
    console._emoji = options.get("emoji", True)
    return console


def test_a_listing_that_aws_itself_refuses_fails_its_scope_and_says_so(tmp_path: Path, monkeypatch):
    """The endpoint refuses an ARN that it has sent itself, as AWS's own pattern has it."""
    with Emulator(hostile_world("RUNNING")) as endpoint:
        for name, value in endpoint.environment().items():
            monkeypatch.setenv(name, value)
        result = sync.sync(chosen(tmp_path), lambda _: None)
    assert result.record.outcome is Outcome.FAILED
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]
