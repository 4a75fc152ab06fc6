"""The commands sql and check, run through the command line's own entry."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from pipeline.cli import main
from pipeline.query import checks
from tests.sql import lakes

GIVEN = {
    "projects": [{"project_name": "ducks"}],
    "project_versions": [
        {
            "project_name": "ducks",
            "version_name": "v1",
            "status": "RUNNING",
            "status_message": 'a|b, "c"\nd é 第二行',
            "version_description": "",
            "f1_score": "0.8999999761581421",
            "created_at": "2024-01-01 00:00:00.000001Z",
            "training_ended_at": "2024-01-01 03:00:00+02",
            "billable_training_seconds": "9223372036854775807",
            "testing_input_auto_create": "true",
        },
        {"project_name": "ducks", "version_name": "v2", "status": "TRAINING_IN_PROGRESS"},
    ],
}
ALL_KINDS = (
    "select version_name, status_message, version_description, f1_score, created_at, training_ended_at,"
    " billable_training_seconds, testing_input_auto_create, [1, null] as list, {'a': 'x'} as struct"
    " from project_versions order by version_name"
)


@pytest.fixture
def lake(tmp_path, monkeypatch):
    lakes.make(tmp_path / "lake", GIVEN, [lakes.run_record(scopes=[{}])])
    monkeypatch.setenv("REKLAKE_LAKE", str(tmp_path / "lake"))
    monkeypatch.setattr("pipeline.query.views._comments", lambda *_: ())  # they take as long as the views
    monkeypatch.chdir(tmp_path)
    return tmp_path / "lake"


@pytest.fixture
def run(lake, monkeypatch, capfdbinary):  # noqa: ARG001  the lake that commands find in the environment
    """Run the command line; returns its exit code, stdout and stderr (as text)."""

    def run(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "argv", ["reklake", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            main()
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return ended.value.code or 0, out, err.decode()

    return run


def good(result):
    code, out, err = result
    assert (code, err) == (0, "")
    return out.decode()


def test_csv(run):
    assert good(run("sql", "--format", "csv", ALL_KINDS)) == (
        "version_name,status_message,version_description,f1_score,created_at,training_ended_at,"
        "billable_training_seconds,testing_input_auto_create,list,struct\n"
        'v1,"a|b, ""c""\nd é 第二行","",0.8999999761581421,2024-01-01T00:00:00.000001Z,2024-01-01T01:00:00Z,'
        '9223372036854775807,true,"[1,null]","{""a"":""x""}"\n'
        'v2,,,,,,,,"[1,null]","{""a"":""x""}"\n'
    )


def test_csv_is_read_back_by_a_csv_reader(run):
    text = "a\rb", 'q"', ",", "\n", " padded ", "é", "'"
    values = ", ".join(f"($text${value}$text$)" for value in text)
    rows = list(
        csv.reader(io.StringIO(good(run("sql", "--format", "csv", f"from (values {values}) t(x)")), newline=""))
    )
    assert rows == [["x"], *([value] for value in text)]


def test_json(run):
    first, second = json.loads(good(run("sql", "--format", "json", ALL_KINDS)))
    assert first == {
        "version_name": "v1",
        "status_message": 'a|b, "c"\nd é 第二行',
        "version_description": "",
        "f1_score": 0.8999999761581421,
        "created_at": "2024-01-01T00:00:00.000001Z",
        "training_ended_at": "2024-01-01T01:00:00Z",
        "billable_training_seconds": 9223372036854775807,
        "testing_input_auto_create": True,
        "list": [1, None],
        "struct": {"a": "x"},
    }
    assert second["f1_score"] is None


def test_json_lines(run):
    lines = good(run("sql", "--format", "jsonl", ALL_KINDS)).splitlines()
    assert [json.loads(line)["version_name"] for line in lines] == ["v1", "v2"]


EXOTIC = [
    ("18446744073709551615::ubigint", "18446744073709551615"),
    ("170141183460469231731687303715884105727::hugeint", "170141183460469231731687303715884105727"),
    ("1.50::decimal(4, 2)", "1.50"),
    ("1e300::double", "1e+300"),
    ("date '2024-02-29'", '"2024-02-29"'),
    ("time '01:02:03'", '"01:02:03.000000"'),
    ("timestamp_ns '2024-01-01 00:00:00.123456789'", '"2024-01-01T00:00:00.123456789"'),
    ("'infinity'::timestamptz", None),
    ("'\\xFF\\x00'::blob", '"ff00"'),
    ("map {'k': 1}", '{"k":1}'),
    ("[{'at': timestamptz '2024-01-01 00:00:00Z'}]", '[{"at":"2024-01-01T00:00:00Z"}]'),
    ("'a'::enum ('a', 'b')", '"a"'),
    ("null", "null"),
    ("interval 3 days", None),
]
"""Values, and how JSON shows them; None: in whichever way."""


def test_exotic_values(run):
    query = "select " + ", ".join(f"{sql} as c{at}" for at, (sql, _) in enumerate(EXOTIC))
    shown = msgspec.json.decode(good(run("sql", "--format", "jsonl", query)), type=dict[str, msgspec.Raw])
    for at, (sql, text) in enumerate(EXOTIC):
        found = bytes(shown[f"c{at}"]).decode()
        assert text is None or found in (text, text.replace("+", "")), sql
    good(run("sql", "--format", "csv", query))
    good(run("sql", query))


def test_a_number_json_does_not_have_is_null(run):
    out = good(run("sql", "--format", "jsonl", "select 'nan'::double as a, 'inf'::double as b"))
    assert out == '{"a":null,"b":null}\n'


def test_json_columns_are_json(run):
    (row,) = json.loads(good(run("sql", "--format", "json", "select arguments, software from runs")))
    assert row == {"arguments": {"regions": ["us-east-1"]}, "software": {"reklake": "0.1.0"}}


def test_json_with_line_breaks_is_one_json_line(run):
    out = good(run("sql", "--format", "jsonl", 'select \'{"a":\n [1.50,\r\n "\\n "]}\'::json as x, null::json as y'))
    assert out == '{"x":{"a":[1.50,"\\n "]},"y":null}\n'


def test_markdown(run):
    query = "select version_name, f1_score, status_message from project_versions order by 1"
    assert good(run("sql", "--format", "markdown", query)) == (
        "| version_name | f1_score | status_message |\n"
        "| --- | ---: | --- |\n"
        '| v1 | 0.8999999761581421 | a\\|b, "c"<br>d é 第二行 |\n'
        "| v2 |  |  |\n"
    )


def test_parquet(run, tmp_path):
    code, out, _ = run("sql", "--format", "parquet", ALL_KINDS)
    table = pq.read_table(io.BytesIO(out))
    assert code == 0
    assert table["billable_training_seconds"].to_pylist() == [9223372036854775807, None]
    assert str(table.schema.field("created_at").type) == "timestamp[us, tz=UTC]"
    assert good(run("sql", "--format", "parquet", "-o", "out.parquet", ALL_KINDS)) == ""
    assert pq.read_table(tmp_path / "out.parquet").equals(table)


def test_a_table_is_aligned_rounded_and_on_one_line(run):
    columns = "version_name, f1_score, 0.00001::double as small, status_message as message"
    query = f"select {columns} from project_versions order by 1"
    assert good(run("sql", query)) == (
        "version_name  f1_score    small  message\n"
        "------------  --------  -------  --------------------\n"
        'v1                 0.9  0.00001  a|b, "c"\\nd é 第二行\n'
        "v2                      0.00001\n"
    )


def test_a_table_cannot_move_the_cursor(run):
    assert "\x1b" not in good(run("sql", "select chr(27) || '[2J' as x"))


def test_a_long_table_is_whole(run):
    lines = good(
        run("sql", "select i as number, repeat('x', (i // 1500 * 30)::int) as x from range(3000) t(i)")
    ).splitlines()
    assert len(lines) == 3002
    assert lines[-1].split() == ["2999", "x" * 30]


def test_explain_is_shown_as_it_is(run):
    assert good(run("sql", "explain from projects")).count("\n") > 3


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("table", "project_name\n------------\n"),
        ("csv", "project_name\n"),
        ("json", "[]\n"),
        ("jsonl", ""),
        ("markdown", "| project_name |\n| --- |\n"),
    ],
)
def test_an_empty_result(form, expected, run):
    assert good(run("sql", "--format", form, "select project_name from projects where false")) == expected


def test_a_statement_without_result_prints_nothing(run):
    assert good(run("sql", "--format", "csv", "create temp table t as select 1")) == ""


def test_several_results(run):
    text = "create temp table t as select 1 as a; from t; select 2 as b"
    assert good(run("sql", text)) == "a\n-\n1\n\nb\n-\n2\n"
    code, out, err = run("sql", "--format", "csv", text)
    assert (code, out) == (2, b"")
    assert err.startswith("reklake: error: 2 results do not fit into one csv")


def test_the_query_comes_from_a_file_or_stdin(run, tmp_path):
    (tmp_path / "q.sql").write_bytes("\ufeffselect 'é' as x".encode())
    assert good(run("sql", "--format", "csv", "--file", "q.sql")) == "x\né\n"
    assert good(run("sql", "--format", "csv", "-", stdin="select 'é' as x".encode())) == "x\né\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give one query"),
        (["select 1", "--file", "q.sql"], "give one query"),
        (["--file", "missing.sql"], "missing.sql: cannot be read: No such file or directory"),
        (["--file", "latin.sql"], "latin.sql: is not UTF-8 text"),
        ([" ; "], "the query is empty"),
        (["selct 1"], "Parser Error: syntax error"),
        (["from nope"], "Table with name nope does not exist"),
        (["copy (select 1) to 'x.csv'"], "COPY is not allowed"),
        (["from 'latin.sql'"], "latin.sql"),
        (["select 'x'::int"], "Conversion Error"),
        (["--output", "no/such/folder/x", "select 1"], "no/such/folder/x: cannot be written: No such file"),
        (["--format", "parquet", "select interval 1 day"], "cannot be written as parquet"),
    ],
)
def test_a_mistake_is_one_message_and_exit_2(arguments, message, run, tmp_path):
    (tmp_path / "latin.sql").write_bytes(b"select '\xe9'")
    before = sorted(tmp_path.iterdir())
    code, out, err = run("sql", *arguments)
    assert (code, out if "parquet" not in arguments else b"") == (2, b"")
    assert err.startswith("reklake: error: ")
    assert message in err
    assert "Traceback" not in err
    assert sorted(tmp_path.iterdir()) == before


def test_output_appears_whole_or_not_at_all(run, tmp_path):
    (tmp_path / "out.csv").write_text("old")
    fails = "select case when i = 50000 then 'x' else '1' end::int as n from range(60_000) t(i)"
    assert run("sql", "--format", "csv", "-o", "out.csv", fails)[0] == 2
    assert (tmp_path / "out.csv").read_text() == "old"
    good(run("sql", "--format", "csv", "-o", "out.csv", "select 1 as a"))
    assert (tmp_path / "out.csv").read_text() == "a\n1\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lake", "out.csv"]


def test_output_to_a_device_leaves_it_a_device(run):
    good(run("sql", "--output", os.devnull, "select 1"))
    assert not Path(os.devnull).is_file()


def test_allow_write(run, tmp_path):
    assert good(run("sql", "--allow-write", "copy (select 1 as a) to 'x.csv'")) == ""
    assert (tmp_path / "x.csv").read_text() == "a\n1\n"
    assert good(run("sql", "--allow-write", "--format", "csv", "from 'x.csv'")) == "a\n1\n"
    current = (tmp_path / "lake" / "CURRENT").read_text()
    code, out, err = run("sql", "--allow-write", "copy (select 1 as a) to 'lake/CURRENT'")
    assert (code, out, err.count("\n")) == (2, b"", 1)
    assert "COPY would write lake/CURRENT: what is published" in err
    assert (tmp_path / "lake" / "CURRENT").read_text() == current


@pytest.mark.parametrize(
    "text",
    [
        "copy (select 1) to 'x.csv'",
        "select 1; copy (select 1) to 'x.csv'",
        "attach 'x.db'",
        "install httpfs",
        "load httpfs",
        "from read_csv('/etc/passwd')",
        "from '/etc/passwd'",
        "set memory_limit = '1GB'",
        "pragma enable_profiling",
        "create table t (a int)",
        "from enable_profiling(format='query_tree', save_location='x.txt')",
    ],
)
def test_what_is_refused_is_one_line_that_names_the_flag(text, run, tmp_path):
    code, out, err = run("sql", text)
    assert (code, err.count("\n")) == (2, 1)
    assert "--allow-write" in err
    assert out in {b"", b"1\n-\n1\n"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lake"]


def test_prices_come_from_the_settings(run, tmp_path):
    (tmp_path / "reklake.toml").write_text('[prices]\ntraining_hour = 2.5\ncurrency = "EUR"\n')
    assert good(run("sql", "--format", "csv", "from prices")) == (
        "training_hour,inference_unit_hour,currency\n2.5,4,EUR\n"
    )


@pytest.mark.parametrize("command", [["sql", "from projects"], ["check"]])
def test_a_lake_that_is_none(command, run, tmp_path):
    code, out, err = run(*command, "--lake", str(tmp_path / "nowhere"))
    assert (code, out) == (1, b"")
    assert "nowhere: no such lake" in err


def spawn(lake, *arguments, **options):
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", *arguments]
    return subprocess.Popen(command, env=os.environ | {"REKLAKE_LAKE": str(lake), "TERM": "xterm"}, **options)


@pytest.mark.parametrize("form", ["csv", "table", "jsonl", "markdown"])
def test_a_reader_that_leaves_ends_it_quietly(form, lake):
    query = "select repeat('x', 100) as x from range(10_000_000_000)"
    with spawn(lake, "sql", "--format", form, query, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def on_a_terminal(lake, *arguments, width=80):
    """Run with stdout and stderr on a terminal of that width; returns the exit code and what it shows."""
    ours, theirs = pty.openpty()
    os.environ["COLUMNS"] = str(width)
    try:
        with spawn(lake, *arguments, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            shown = b""
            while chunk := _read(ours):
                shown += chunk
            return process.wait(), re.sub(r"\x1b\[[0-9;]*m|\r", "", shown.decode())
    finally:
        del os.environ["COLUMNS"]
        os.close(ours)


def _read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other side is closed
        return b""


def test_a_terminal_gets_a_table_that_fits(lake):
    code, shown = on_a_terminal(lake, "sql", "select project_arn, version_name from project_versions", width=40)
    assert code == 0, shown
    assert max(map(len, shown.splitlines())) <= 40
    assert "".join(line[:24].strip() for line in shown.splitlines()[1:4]) in lakes.arn("ducks")
    assert shown.endswith("(2 rows)\n")


def test_a_terminal_too_narrow_gets_rows_as_blocks(lake):
    _, shown = on_a_terminal(lake, "sql", "from model_inventory order by version_name", width=60)
    assert "row 1" in shown
    assert "row 2" in shown
    assert next(line for line in shown.splitlines() if line.startswith("version_name")).split()[-1] == "v1"


def test_a_terminal_gets_the_header_of_an_empty_result(lake):
    _, shown = on_a_terminal(lake, "sql", "select project_name from projects where false")
    assert "project_name" in shown
    assert "(0 rows)" in shown


def test_parquet_does_not_go_to_a_terminal(lake):
    code, shown = on_a_terminal(lake, "sql", "--format", "parquet", "select 1")
    assert code == 2
    assert "--output" in shown


def test_checks_that_pass(run):
    out = good(run("check"))
    assert f"{len(checks.all_checks()) - 1} passed, 0 with errors, 1 with warnings" in out
    assert not [line for line in out.splitlines() if line.startswith("error")]


def test_a_warning_is_shown_and_does_not_fail(run):
    out = good(run("check"))
    assert "warn billable_training_absurd: 1 row\n" in out
    assert "billable_training_seconds=9223372036854775807" in out


@pytest.fixture
def broken(lake):
    lakes.make(lake.parent / "broken", GIVEN | {"datasets": [{"project_arn": "gone"}]})
    return str(lake.parent / "broken")


def test_an_error_exits_4_and_names_the_row(run, broken):
    code, out, err = run("check", "--lake", broken)
    assert (code, err) == (4, "")
    assert "error datasets_orphan: 1 row" in out.decode()
    assert f"project_arn={lakes.arn('gone')}" in out.decode()


def test_check_as_json(run, broken):
    code, out, _ = run("check", "--lake", broken, "--format", "json")
    found = {check["name"]: check for check in json.loads(out) if check["rows"]}
    assert code == 4
    assert found["datasets_orphan"]["severity"] == "error"
    assert found["datasets_orphan"]["sample"][0]["project_arn"] == lakes.arn("gone")
    assert found["billable_training_absurd"]["sample"][0]["billable_training_seconds"] == 9223372036854775807
