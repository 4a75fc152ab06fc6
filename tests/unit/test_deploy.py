"""The files of deploy/ and what docs/operations.md says: every command, name, path and metric in them exists."""

from __future__ import annotations

import fnmatch
import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml  # comes with moto, which the emulator needs
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipeline.cli.app import app
from pipeline.cli.exits import Exit
from pipeline.emulator import Fault
from pipeline.errors import SCOPE_ERRORS, FatalError, UsageError
from pipeline.jobs import metrics_file as metrics
from pipeline.lake.run_record import DetailRecord, Outcome
from pipeline.model.operations import DETAILS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

# ------------------------------------------------------------------------------------------------------------------
# PENDING: what is described already and is being added elsewhere. Options with the number of values they take. To be
# emptied when the command and options are there; test_nothing_is_pending_that_is_there insists on it.
PENDING_COMMANDS: set[str] = set()
PENDING_OPTIONS: dict[str, dict[str, int]] = {}
# ------------------------------------------------------------------------------------------------------------------

COMMAND = typer.main.get_command(app)
ENDS = {"|", "||", "&&", ";", ">", ">>", "2>&1", "2>", "#"}
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
            end = next((at for at, one in enumerate(rest) if one in ENDS), len(rest))
            yield rest[:end]


def in_markdown(text: str) -> Iterator[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for block in blocks:
        for line in shell_lines(block):
            yield from commands_in(line)
    for code in re.findall(r"`([^`]+)`", prose):
        if code.startswith("reklake "):
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


def every_command() -> list[tuple[str, list[str]]]:
    found = [("operations.md", one) for one in in_markdown(OPERATIONS)]
    for path in sorted(path for path in DEPLOY.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            commands = in_structure(json.loads(text))
        elif path.parent.name == "kubernetes":
            commands = in_structure(yaml.safe_load(text))
        elif path.suffix == ".yml":  # commands stand in the alerts' descriptions
            commands = (one for code in re.findall(r"`(reklake [^`]+)`", text) for one in commands_in(code))
        else:
            commands = (one for line in shell_lines(text) for one in commands_in(line) if not line.startswith("#"))
        found += [(path.name, one) for one in commands]
    return found


COMMANDS = every_command()


def without_pending(words: list[str]) -> list[str]:
    pending = PENDING_OPTIONS.get(words[0], {})
    kept, skip = [], 0
    for word in words:
        if skip:
            skip -= 1
            continue
        name, equals, _ = word.partition("=")
        if name in pending:
            skip = 0 if equals else pending[name]
        else:
            kept.append(word)
    return kept


def parse(words: list[str]) -> None:
    """Parse a command line as the command itself does, without running it."""
    name, *arguments = without_pending(words)
    if name in PENDING_COMMANDS:
        return
    assert name in COMMAND.commands, f"there is no command {name}"
    if arguments not in ([], ["--help"]):  # a command that is only named, in prose
        COMMAND.commands[name].make_context(name, arguments)


def test_there_are_commands_to_look_at():
    found = {name for name, _ in COMMANDS}
    assert {
        "operations.md",
        "reklake.crontab",
        "reklake.service",
        "cronjob.yaml",
        "task-definition.json",
        "reklake.rules.yml",
    } <= found
    assert {"sync", "gc", "doctor", "check", "runs", "pull", "rollback", "replay", "sql"} <= {
        words[0] for _, words in COMMANDS
    }


@pytest.mark.parametrize(
    "words", [words for _, words in COMMANDS], ids=[f"{where}-{' '.join(words)[:50]}" for where, words in COMMANDS]
)
def test_every_command_line_is_one(words: list[str]):
    parse(words)


@pytest.mark.parametrize(
    "line", ["reklake sinc", "reklake gc --remove", "reklake gc --keep 0", "reklake pull --lake l"]
)
def test_a_command_line_that_is_none_would_be_found(line: str):
    (words,) = commands_in(line)
    with pytest.raises(Exception, match=r"no command|such option|Missing|greater|range"):
        parse(words)


def test_nothing_is_pending_that_is_there():
    assert not PENDING_COMMANDS & COMMAND.commands.keys()
    for name, options in PENDING_OPTIONS.items():
        there = {option for one in COMMAND.commands[name].load().params for option in one.opts}
        assert not there & options.keys(), f"{name}: take these out of PENDING_OPTIONS"


def test_every_exit_code_is_explained():
    rows = {int(code) for code in re.findall(r"^\| (\d+) \|", OPERATIONS, re.MULTILINE)}
    assert rows == {*map(int, Exit), 130}  # Python's own for Ctrl-C


def test_every_kind_of_error_has_its_remedy():
    kinds = set()
    for path in (ROOT / "pipeline").rglob("*.py"):
        kinds |= set(re.findall(r'\bkind="([a-z_]+)"', path.read_text(encoding="utf-8")))
    assert kinds == set(SCOPE_ERRORS)
    section = OPERATIONS.partition("### Scopes that fail")[2].partition("###")[0]
    explained = {one for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for one in re.findall(r"\w+", row)}
    assert explained == kinds


def test_every_metric_and_alert_is_in_the_guide():
    section = OPERATIONS.partition("## Metrics and alerts")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(reklake_[a-z_]+)", section)) == set(metrics.HELP)
    assert set(re.findall(r"^\| (Reklake\w+) ", section, re.MULTILINE)) == {rule["alert"] for rule in rules()}


def test_links_and_files_lead_somewhere():
    for name in re.findall(r"`(deploy/[^`]+)`", OPERATIONS):
        assert (ROOT / name).exists(), name
    for target in re.findall(r"\]\(([^)]+)\)", OPERATIONS):
        file, _, anchor = target.partition("#")
        path = ROOT / "docs" / file if file else ROOT / "docs" / "operations.md"
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}, target
    assert "docs/operations.md" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_file_of_deploy_is_in_the_guide():
    for path in DEPLOY.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            name = str(path.relative_to(ROOT))
            assert name in OPERATIONS or f"{path.parent.relative_to(ROOT)}/`" in OPERATIONS, name


# crontab

RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def cron_lines() -> list[str]:
    text = (DEPLOY / "cron" / "reklake.crontab").read_text(encoding="utf-8")
    assert text.endswith("\n")  # cron does not run a last line without its end
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_crontab_is_one():
    jobs = 0
    for line in cron_lines():
        if re.match(r"[A-Z_]+=", line):
            continue
        *fields, command = line.split(None, 5)
        assert len(fields) == 5
        for value, (low, high) in zip(fields, RANGES, strict=True):
            for part in value.split(","):
                base, _, step = part.partition("/")
                assert base == "*" or all(low <= int(one) <= high for one in base.split("-"))
                assert not step or int(step) >= 1
        assert "%" not in command  # it ends the command there
        assert " > " in command or " >> " in command
        jobs += 1
    assert jobs == 3


def test_the_log_rotation_covers_the_crontabs_logs():
    text = (DEPLOY / "cron" / "reklake.logrotate").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"^(/\S+) \{$", text, re.MULTILINE)
    assert text.rstrip().endswith("}")
    logs = set(re.findall(r"/\S+\.log", "\n".join(cron_lines())))
    assert logs
    assert all(fnmatch.fnmatch(log, pattern) for log in logs)


# systemd

UNIT = {
    "Unit": {"Description", "Wants", "After"},
    "Timer": {"OnCalendar", "RandomizedDelaySec", "Persistent"},
    "Install": {"WantedBy"},
    "Service": {
        "Type", "User", "Group", "Environment", "WorkingDirectory", "ExecStart", "ExecStartPost", "SuccessExitStatus",
        "TimeoutStartSec", "TimeoutStopSec", "UMask", "Nice", "MemoryMax", "ReadWritePaths", "NoNewPrivileges",
        "CapabilityBoundingSet", "ProtectSystem", "ProtectHome", "ProtectClock", "ProtectControlGroups",
        "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "ProtectProc",
        "PrivateDevices", "PrivateTmp", "LockPersonality", "RestrictAddressFamilies", "RestrictNamespaces",
        "RestrictRealtime", "RestrictSUIDSGID", "RemoveIPC", "SystemCallArchitectures", "SystemCallFilter",
    },
}  # fmt: skip
"""The directives that are used, each looked up in systemd.exec, systemd.service, systemd.timer and systemd.unit."""


def directives(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Read a unit strictly: sections, directives, comments on lines of their own."""
    found: dict[str, list[tuple[str, str]]] = {}
    section: list[tuple[str, str]] | None = None
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            assert heading[1] not in found
            section = found.setdefault(heading[1], [])
            continue
        setting = re.fullmatch(r"(\w+)=(.*)", line)
        assert setting, line
        assert section is not None
        assert "#" not in setting[2]  # it would be part of the value
        section.append((setting[1], setting[2]))
    return found


@pytest.mark.parametrize("path", sorted((DEPLOY / "systemd").iterdir()), ids=lambda path: path.name)
def test_units_have_known_directives_only(path: Path):
    for section, settings in directives(path).items():
        assert {name for name, _ in settings} <= UNIT[section]
        once = [name for name, _ in settings if name != "ReadWritePaths"]
        assert len(once) == len(set(once))


def test_the_service_is_fenced_in_and_may_write_what_it_must():
    service = directives(DEPLOY / "systemd" / "reklake.service")["Service"]
    told = dict(service)
    assert told["Type"] == "oneshot"
    assert told["User"] != "root"
    assert told["ProtectSystem"] == "strict"
    assert told["NoNewPrivileges"] == "yes"
    codes = {int(code) for code in told["SuccessExitStatus"].split()}
    assert codes == {Exit.PARTIAL, Exit.BUSY, Exit.TERMINATED}
    writable = [value.lstrip("-") for name, value in service if name == "ReadWritePaths"]
    file = Path(shlex.split(told["ExecStart"])[-1])
    assert shlex.split(told["ExecStart"])[-2] == "--metrics-file"
    assert str(file.parent) in writable
    assert file.suffix == ".prom"


def test_the_timer_makes_up_for_missed_starts():
    timer = dict(directives(DEPLOY / "systemd" / "reklake.timer")["Timer"])
    assert timer["Persistent"] == "true"
    assert re.fullmatch(r"\*-\*-\* \S+:\d\d:\d\d", timer["OnCalendar"])


def test_systemd_has_nothing_to_say_against_the_units(tmp_path: Path):
    """Where systemd is there, it reads them; elsewhere the tests above are all that can be had."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return
    for path in (DEPLOY / "systemd").iterdir():
        text = path.read_text(encoding="utf-8").replace("/srv/reklake/.venv/bin/reklake", sys.executable)
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    ran = subprocess.run(
        [analyze, "verify", "--man=no", *map(str, tmp_path.iterdir())], capture_output=True, text=True, check=False
    )
    assert [line for line in ran.stderr.splitlines() if "/reklake." in line] == []


# container

INSTRUCTIONS = {
    "ARG", "FROM", "ENV", "WORKDIR", "COPY", "RUN", "VOLUME", "USER", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD",
}  # fmt: skip


def instructions() -> list[tuple[str, str]]:
    text = (DEPLOY / "container" / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in shell_lines("\n".join(lines)))]


def copied() -> list[str]:
    """Name what the image takes from the checkout."""
    sources = [rest.split()[:-1] for name, rest in instructions() if name == "COPY" and "--from=" not in rest]
    return [one for line in sources for one in line]


def test_the_dockerfile_keeps_to_what_it_promises():
    steps = instructions()
    assert {name for name, _ in steps} <= INSTRUCTIONS  # no ADD, which would fetch addresses
    assert all("://" not in rest for _, rest in steps)
    bases = [rest.split()[0] for name, rest in steps if name == "FROM"]
    assert bases == ["python:${PYTHON}-slim"] * 2
    last = steps[max(index for index, (name, _) in enumerate(steps) if name == "FROM") :]
    (user,) = [rest for name, rest in last if name == "USER"]
    assert all(int(one) > 0 for one in user.split(":"))
    assert ("HEALTHCHECK", "NONE") in last
    assert json.loads(dict(last)["ENTRYPOINT"]) == ["reklake"]
    installs = re.findall(r"pip install ([^&]+)", "\n".join(rest for name, rest in steps if name == "RUN"))
    assert len(installs) == 3
    for one in installs:
        assert "--require-hashes" in one or {"--no-deps", "--no-index"} <= set(one.split())


def test_the_image_is_built_from_what_is_there_and_not_ignored():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == set(copied())
    for name in copied():
        assert (ROOT / name).exists(), name


def test_what_is_copied_is_enough_for_the_wheel(tmp_path: Path):
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
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, inside in (("pipeline", "pipeline"), ("sql", "pipeline/sql")):
        expected = {f"{inside}/{path.relative_to(ROOT / folder)}" for path in (ROOT / folder).rglob("*.[ps][yq]*")}
        assert {one for one in expected if "__pycache__" not in one} <= names


def pins(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Read a lock: by project and marker, the version and the hashes."""
    text = (ROOT / name).read_text(encoding="utf-8")
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for first, rest in re.findall(r"^([a-z0-9][^\n]*)\n((?: [^\n]*\n)*)", text, re.MULTILINE):
        project, _, version = first.removesuffix("\\").strip().partition("==")
        found[first.partition("==")[0] + version.partition(";")[2]] = (
            version,
            frozenset(re.findall(r"--hash=(sha256:[0-9a-f]{64})", rest)),
        )
        assert project
    return found


def needed(roots: list[str]) -> set[str]:
    """Follow what is required, as the installed projects themselves say."""
    found: set[str] = set()
    open_ones = [Requirement(root) for root in roots]
    while open_ones:
        one = open_ones.pop()
        name = canonicalize_name(one.name)
        if name not in found and (one.marker is None or one.marker.evaluate({"extra": ""})):
            found.add(name)
            open_ones += [Requirement(line) for line in requires(name) or []]
    return found


@pytest.mark.parametrize(
    ("lock", "roots"),
    [("requirements-run.lock", requires("reklake")), ("requirements-build.lock", ["hatchling"])],
)
def test_the_images_locks_are_the_part_of_the_lock_that_it_needs(lock: str, roots: list[str]):
    part, whole = pins(lock), pins("requirements.lock")
    assert part == {key: whole[key] for key in part}
    assert all(hashes for _, hashes in part.values())
    here = set()
    for key, (version, _) in part.items():
        marker = version.partition(";")[2]
        if not marker or Marker(marker).evaluate():
            here.add(key.removesuffix(marker))
    assert here == needed(roots)


# Kubernetes, ECS


def test_the_cronjob_runs_as_the_images_user_on_a_root_that_is_read_only():
    document = yaml.safe_load((DEPLOY / "kubernetes" / "cronjob.yaml").read_text(encoding="utf-8"))
    assert (document["apiVersion"], document["kind"]) == ("batch/v1", "CronJob")
    assert document["spec"]["concurrencyPolicy"] == "Forbid"
    assert len(document["spec"]["schedule"].split()) == 5
    pod = document["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    user = dict(instructions())["USER"].split(":")
    assert [str(pod["securityContext"][key]) for key in ("runAsUser", "runAsGroup")] == user
    assert container["securityContext"]["readOnlyRootFilesystem"]
    mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert mounted.keys() == {one["name"] for one in pod["volumes"]}
    assert set(mounted.values()) == set(json.loads(dict(instructions())["VOLUME"]))


def test_the_task_runs_as_the_images_user_on_a_root_that_is_read_only():
    document = json.loads((DEPLOY / "ecs" / "task-definition.json").read_text(encoding="utf-8"))
    (container,) = document["containerDefinitions"]
    assert container["user"] == dict(instructions())["USER"]
    assert container["readonlyRootFilesystem"]
    mounted = {one["sourceVolume"]: one["containerPath"] for one in container["mountPoints"]}
    assert mounted.keys() == {one["name"] for one in document["volumes"]}
    assert set(mounted.values()) == set(json.loads(dict(instructions())["VOLUME"]))
    assert "secrets" not in container


def test_no_file_names_a_registry_or_a_key():
    for path in [path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix != ".pyc"]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\.dkr\.ecr\.|docker\.io|ghcr\.io|quay\.io|AKIA[0-9A-Z]{16}", text), path


# Prometheus


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((DEPLOY / "prometheus" / "reklake.rules.yml").read_text(encoding="utf-8"))
    (group,) = document["groups"]
    return list(group["rules"])


FUNCTIONS = {"time", "absent", "max", "by", "on", "unless"}
TARGET = {"instance", "job"}
"""Labels that Prometheus adds itself."""


def labels_of(metric: str) -> set[str]:
    found = re.search(rf"`{metric}\{{([a-z0-9_,]+)\}}`", OPERATIONS)
    return set(found[1].split(",")) if found else set()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_asks_for_metrics_and_labels_that_exist(rule: dict[str, Any]):
    assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"\d+[smhd]", rule["for"])
    assert rule["labels"]["severity"] in {"warning", "critical"}
    expression = rule["expr"]
    assert expression.count("(") == expression.count(")")
    bare = re.sub(r'\{[^}]*\}|"[^"]*"', "", expression)
    used = set(re.findall(r"reklake_[a-z_]+", bare))
    assert used
    assert used <= metrics.HELP.keys()
    labels = set().union(TARGET, *map(labels_of, used))
    words = set(re.findall(r"[a-z_]+", bare)) - used
    assert words <= FUNCTIONS | labels
    assert set(re.findall(r"(\w+)=", expression)) <= labels
    told = " ".join(rule["annotations"].values())
    assert set(re.findall(r"\$labels\.(\w+)", told)) <= labels
    assert told.count("{{") == told.count("}}")
    assert rule["annotations"].keys() == {"summary", "description"}


def test_the_labels_in_the_guide_are_those_of_the_metrics():
    from tests.unit.test_metrics import HERE, NOW, ended, found, listed

    run = ended(1, listed(HERE, None, Outcome.FAILED))
    run.scopes[0].details = [DetailRecord(detail, Outcome.FAILED) for detail in DETAILS]
    known = metrics.Standing({"projects": 1}, NOW, {HERE: NOW})
    for line in metrics.render(run, known, checks=[found("a", "error")]).splitlines():
        if not line.startswith("#"):
            name, _, labels = line.rpartition(" ")[0].partition("{")
            assert set(re.findall(r'(\w+)="', labels)) == labels_of(name), name


# Lambda


def lambda_handler() -> Any:
    spec = importlib.util.spec_from_file_location("reklake_lambda", DEPLOY / "lambda" / "handler.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_function_refuses_a_lake_that_would_be_lost(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
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
