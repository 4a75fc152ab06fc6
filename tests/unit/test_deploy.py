"""The files of deploy/ and what the pages say of them: every command, name, path and metric in them exists."""

from __future__ import annotations

import fnmatch
import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml  # comes with moto, which the emulator needs

from pipeline.cli.app import app
from pipeline.cli.exits import Exit
from pipeline.emulator import Fault
from pipeline.errors import SCOPE_ERRORS, FatalError, UsageError
from pipeline.jobs import metrics_file
from pipeline.lake.run_record import DetailRecord, Outcome
from pipeline.model.operations import DETAILS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PAGES = ("docs/operations.md", "docs/guide.md")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix != ".pyc")


def read(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


# Command lines

COMMAND = typer.main.get_command(app)
ENDS = {"|", "||", "&&", ";", ">", ">>", "2>&1", "2>"}
WORD = re.compile(r"[a-z][a-z-]*")


def shell_lines(text: str) -> Iterator[str]:
    """Yield lines as a shell sees them: continued ones joined."""
    yield from re.sub(r"\\\n\s*", "", text).splitlines()


def commands_in(line: str) -> Iterator[list[str]]:
    """Yield the words after each `reklake` of a line that are a command with its arguments."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # an apostrophe in prose
        return
    for index, word in enumerate(words[:-1]):
        name = word.lstrip("-").rsplit("/", 1)[-1].partition(":")[0].removeprefix("ExecStart=")
        # a user's name stands before a group's of the same name
        if name == "reklake" and WORD.fullmatch(words[index + 1]) and words[index + 1] != "reklake":
            rest = words[index + 1 :]
            yield rest[: next((at for at, word in enumerate(rest) if word in ENDS), len(rest))]


def in_markdown(text: str) -> Iterator[list[str]]:
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in shell_lines(block):
            yield from commands_in(line)
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for code in re.findall(r"`(reklake [^`]+)`", prose):
        yield from commands_in(" ".join(code.split()))


def in_structure(value: Any) -> Iterator[list[str]]:
    """Yield the arguments of every container in a Kubernetes manifest or an ECS task definition."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"args", "command"} and isinstance(inner, list):
                yield inner
            else:
                yield from in_structure(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from in_structure(inner)


def every_command() -> Iterator[tuple[str, list[str]]]:
    for page in PAGES:
        for words in in_markdown((ROOT / page).read_text(encoding="utf-8")):
            yield page, words
    for name in ("ecs/task-definition.json", "kubernetes/cronjob.yaml"):
        for words in in_structure(yaml.safe_load(read(name))):
            yield name, words
    for words in in_markdown(read("prometheus/reklake.rules.yml")):  # in the descriptions of the alerts
        yield "prometheus/reklake.rules.yml", words
    for name in ("cron/reklake.crontab", "systemd/reklake.service"):
        for line in shell_lines(read(name)):
            for words in commands_in(line):
                yield name, words


COMMANDS = list(every_command())


def parse(words: list[str]) -> None:
    """Parse a command line as the command itself does, without running it."""
    name, *arguments = words
    assert name in COMMAND.commands, f"there is no command {name}"
    if arguments:  # otherwise it may only be named, in prose
        COMMAND.commands[name].make_context(name, arguments)


@pytest.mark.parametrize(
    "words", [words for _, words in COMMANDS], ids=[f"{where}: {' '.join(words)[:50]}" for where, words in COMMANDS]
)
def test_a_command_line_is_valid(words: list[str]):
    parse(words)


def test_command_lines_are_found_everywhere():
    found = {where for where, _ in COMMANDS}
    assert len(found) == len(PAGES) + 5
    assert {"sync", "gc", "doctor", "check", "runs", "pull", "rollback", "replay"} <= {
        words[0] for _, words in COMMANDS
    }


@pytest.mark.parametrize(
    "line", ["reklake sinc", "reklake gc --remove", "reklake gc --keep 0", "reklake pull --lake l"]
)
def test_an_invalid_command_line_would_be_found(line: str):
    (words,) = commands_in(line)
    with pytest.raises(Exception, match=r"no command|such option|Missing|greater|range"):
        parse(words)


# What docs/operations.md lists


def test_every_exit_code_is_explained():
    rows = {int(code) for code in re.findall(r"^\| (\d+) \|", OPERATIONS, re.MULTILINE)}
    assert rows == {*map(int, Exit), 130}  # Python's own for Ctrl-C


def test_every_kind_of_error_has_its_remedy():
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "pipeline").rglob("*.py"))
    assert set(re.findall(r'\bkind="([a-z_]+)"', code)) == set(SCOPE_ERRORS)
    section = OPERATIONS.partition("### Scopes that fail")[2].partition("\n##")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    assert {kind for row in rows for kind in re.findall(r"\w+", row)} == set(SCOPE_ERRORS)


def test_every_metric_is_explained():
    section = OPERATIONS.partition("## Metrics and alerts")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(reklake_[a-z_]+)", section)) == set(metrics_file.HELP)


def test_links_and_files_lead_somewhere():
    for page in (*PAGES, "README.md", "docs/architecture.md", "CONTRIBUTING.md"):
        path = ROOT / page
        for target in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
            file, _, anchor = target.partition("#")
            linked = path.parent / file if file else path
            assert linked.exists(), f"{page}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
                anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
                assert anchor in anchors, f"{page}: {target}"
    for path in FILES:
        folder = f"{path.parent.relative_to(ROOT)}/"
        assert f"`{path.relative_to(ROOT)}`" in OPERATIONS or f"`{folder}`" in OPERATIONS, path
    for name in re.findall(r"`(deploy/[^`]+)`", OPERATIONS):
        assert (ROOT / name).exists(), name


def test_images_have_the_version_of_the_package():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    for text in (OPERATIONS, read("kubernetes/cronjob.yaml"), read("ecs/task-definition.json")):
        assert set(re.findall(r"\breklake:(\d[\d.]*\d)", text)) == {version}


# cron and systemd


def test_cron_runs_every_line_and_its_logs_are_rotated():
    text = read("cron/reklake.crontab")
    assert text.endswith("\n")  # cron does not run a last line without its end
    jobs = [line.split(None, 5) for line in text.splitlines() if re.match(r"[\d*]", line)]
    assert len(jobs) == 3
    (pattern,) = re.findall(r"^(/\S+) \{$", read("cron/reklake.logrotate"), re.MULTILINE)
    for *_, command in jobs:
        assert "%" not in command  # it would end the command there
        (log,) = set(re.findall(r"/\S+\.log", command))
        assert fnmatch.fnmatch(log, pattern)


def test_the_service_may_write_its_metrics_and_no_partial_sync_fails_it():
    settings = re.findall(r"^(\w+)=(.*)$", read("systemd/reklake.service"), re.MULTILINE)
    service = dict(settings)
    writable = [value.lstrip("-") for name, value in settings if name == "ReadWritePaths"]
    *_, option, file = shlex.split(service["ExecStart"])
    assert option == "--metrics-file"
    assert str(Path(file).parent) in writable
    assert service["WorkingDirectory"] in writable
    codes = {int(code) for code in service["SuccessExitStatus"].split()}
    assert codes == {Exit.PARTIAL, Exit.BUSY, Exit.TERMINATED}


# The image, and what runs it


def instructions() -> list[tuple[str, str]]:
    text = "\n".join(line for line in read("container/Dockerfile").splitlines() if not line.startswith("#"))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in shell_lines(text)) if name]


def copied() -> list[str]:
    """Name what the image takes from the checkout."""
    sources = [rest.split()[:-1] for name, rest in instructions() if name == "COPY" and "--from=" not in rest]
    return [name for names in sources for name in names]


def test_the_image_installs_what_has_a_hash():
    installs = re.findall(r"pip install ([^&]+)", "\n".join(rest for name, rest in instructions() if name == "RUN"))
    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or {"--no-deps", "--no-index"} <= set(install.split())


def test_the_image_can_be_built_from_what_is_copied(tmp_path: Path):
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in lines if line.startswith("!")} == set(copied())
    for name in copied():
        source, target = ROOT / name, tmp_path / "src" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=tmp_path / "src",
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("reklake-*.whl")
    assert {"pipeline/cli/app.py", "pipeline/sql/marts/changes.sql"} <= set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.parametrize("lock", ["requirements-run.lock", "requirements-build.lock"])
def test_the_image_has_the_versions_that_the_tests_have(lock: str):
    def pins(name: str) -> set[str]:
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        return {line.partition(" ")[0] for line in lines if "==" in line}

    assert pins(lock)
    assert pins(lock) <= pins("requirements.lock")


def test_kubernetes_runs_as_the_images_user_on_a_read_only_root():
    document = yaml.safe_load(read("kubernetes/cronjob.yaml"))
    pod = document["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    image = dict(instructions())
    assert f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" == image["USER"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounted.keys() == {volume["name"] for volume in pod["volumes"]}
    assert set(mounted.values()) == set(json.loads(image["VOLUME"]))


def test_ecs_runs_as_the_images_user_on_a_read_only_root():
    document = json.loads(read("ecs/task-definition.json"))
    (container,) = document["containerDefinitions"]
    image = dict(instructions())
    assert container["user"] == image["USER"]
    assert container["readonlyRootFilesystem"]
    mounted = {mount["sourceVolume"]: mount["containerPath"] for mount in container["mountPoints"]}
    assert mounted.keys() == {volume["name"] for volume in document["volumes"]}
    assert set(mounted.values()) == set(json.loads(image["VOLUME"]))


# Prometheus

RULES = yaml.safe_load(read("prometheus/reklake.rules.yml"))["groups"][0]["rules"]
FUNCTIONS = {"time", "absent", "max", "by", "on", "unless"}
TARGET = {"instance", "job"}
"""Labels that Prometheus adds itself."""


def labels_of(metric: str) -> set[str]:
    """Return a metric's labels, as docs/operations.md names them."""
    found = re.search(rf"`{metric}\{{([a-z0-9_,]+)\}}`", OPERATIONS)
    return set(found[1].split(",")) if found else set()


def test_the_labels_in_operations_are_those_of_the_metrics():
    from tests.unit.test_metrics import HERE, NOW, ended, found, listed

    run = ended(1, listed(HERE, None, Outcome.FAILED))
    run.scopes[0].details = [DetailRecord(detail, Outcome.FAILED) for detail in DETAILS]
    known = metrics_file.LakeState({"projects": 1}, NOW.timestamp(), {HERE: NOW.timestamp()})
    for line in metrics_file.render(run, known, checks=[found("a", "error")]).splitlines():
        if not line.startswith("#"):
            name, _, labels = line.rpartition(" ")[0].partition("{")
            assert set(re.findall(r'(\w+)="', labels)) == labels_of(name), name


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_uses_metrics_and_labels_that_exist(rule: dict[str, Any]):
    names = re.sub(r'"[^"]*"', "", rule["expr"])
    metrics = set(re.findall(r"reklake_[a-z_]+", names))
    assert metrics
    assert metrics <= metrics_file.HELP.keys()
    labels = TARGET.union(*map(labels_of, metrics))
    assert set(re.findall(r"[a-z_]+", names)) - metrics <= FUNCTIONS | labels
    shown = " ".join(rule["annotations"].values())
    assert set(re.findall(r"\$labels\.(\w+)", shown)) <= labels


# Lambda


def lambda_handler() -> Any:
    spec = importlib.util.spec_from_file_location("reklake_lambda", DEPLOY / "lambda" / "handler.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_function_refuses_a_lake_in_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("REKLAKE_LAKE", str(tmp_path))
    monkeypatch.setenv("REKLAKE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UsageError, match="Set REKLAKE_LAKE to s3://"):
        lambda_handler().handler({}, None)


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Give the handler with an endpoint that has both Rekognition and S3, started with the faults it is given."""
    import os

    import boto3

    from pipeline.emulator import Emulator

    running: list[Emulator] = []

    def start(*faults: Fault) -> Any:
        endpoint = Emulator(faults=faults).start()
        running.append(endpoint)
        for name in [name for name in os.environ if name.startswith(("AWS_", "REKLAKE_"))]:
            monkeypatch.delenv(name)
        for name, value in endpoint.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("REKLAKE_LAKE", "s3://lake/prefix")
        monkeypatch.setenv("REKLAKE_REGIONS", "us-east-1")
        monkeypatch.setenv("REKLAKE_RATE", "1000")
        monkeypatch.setenv("REKLAKE_CACHE", str(tmp_path / "cache"))
        boto3.client("s3").create_bucket(Bucket="lake")
        return lambda_handler().handler

    yield start
    for endpoint in running:
        endpoint.close()


def test_a_function_syncs_to_s3(function: Any, capsys: pytest.CaptureFixture[str]):
    answer = json.loads(json.dumps(function()({}, None)))
    assert answer["outcome"] == "complete"
    assert answer["rows"]["projects"] > 0
    assert answer["failed"] == {}
    events = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert events[0] == "started"
    assert "published" in events


def test_a_function_that_publishes_nothing_fails(function: Any):
    with pytest.raises(FatalError, match=r"nothing was published: .*\"111122223333/us-east-1\": \"denied\""):
        function(Fault("access_denied"))({}, None)
