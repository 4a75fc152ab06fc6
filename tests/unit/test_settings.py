from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import settings
from pipeline.errors import UsageError


def write(folder: Path, text: str) -> Path:
    path = folder / "reklake.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    chosen = settings.load(environment={})
    assert chosen.lake == "data/lake"
    assert chosen.aws.rate == 5.0
    assert chosen.prices == settings.Prices(1.0, 4.0, "USD")


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path):
    file = write(
        tmp_path,
        'lake = "from-file"\n[aws]\nregions = ["eu-west-1"]\nrole = "FileRole"\naccounts = ["111122223333"]\nrate = 2\n'
        '[prices]\ntraining_hour = 1.5\ncurrency = "EUR"\n',
    )
    environment = {
        "REKLAKE_LAKE": "from-env",
        "REKLAKE_REGIONS": "us-east-1, us-west-2",
        "REKLAKE_RATE": "3.5",
    }
    chosen = settings.load(config=file, environment=environment, rate=4.0, profile=None, regions=None)
    assert chosen.lake == "from-env"
    assert chosen.aws.regions == ("us-east-1", "us-west-2")
    assert (chosen.aws.rate, chosen.aws.role, chosen.aws.accounts) == (4.0, "FileRole", ("111122223333",))
    assert chosen.prices == settings.Prices(1.5, 4.0, "EUR")
    assert settings.load(config=file, environment={}).lake == "from-file"
    assert settings.load(config=file, environment=environment, lake="from-flag").lake == "from-flag"


def test_repeated_regions_count_once():
    assert settings.load(environment={}, regions=["b", "a", "b"]).aws.regions == ("b", "a")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("lake = 3", 1, "lake is 3; it takes a string."),
        ("lake = ''", 1, 'lake is "": it must not be empty.'),
        ("[aws]\n\nrate = 'fast'", 3, 'aws.rate is "fast"; it takes a number.'),
        ("aws.rate = true", 1, "aws.rate is true; it takes a number."),
        ("[aws]\nregions = 'us-east-1'", 2, 'aws.regions is "us-east-1"; it takes a list of strings.'),
        ("[aws]\nregions = [\n 1\n]", 2, "aws.regions is [1]; it takes a list of strings."),
        ("[aws]\nmax_attempts = 2.0", 2, "aws.max_attempts is 2.0; it takes a whole number."),
        ("[aws]\norganization = 1", 2, "aws.organization is 1; it takes true or false."),
        ("[aws]\norganization = 'yes'", 2, 'aws.organization is "yes"; it takes true or false.'),
        ("[prices]\ntraining_hour = 'free'", 2, 'prices.training_hour is "free"; it takes a number.'),
        (
            "\nprices = { currency = 'EUR', training_hour = true }",
            2,
            "prices.training_hour is true; it takes a number.",
        ),
        ("lake = 'here'\n[aws]\n'rate' = -1", 3, "aws.rate is -1: give calls a second, above 0 "),
        ("[aws]\nrate = inf", 2, "aws.rate is inf: give calls a second"),
        ("[aws]\nburst = 0.5", 2, "aws.burst is 0.5: give a number of calls, 1 or more."),
        ("[aws]\npatience = -1", 2, "aws.patience is -1: give seconds of 0 or more."),
        ("[aws]\nin_flight = 0", 2, "aws.in_flight is 0: it must be 1 or more."),
        ("[aws]\naccounts = [\n  '111122223333',\n  '12',\n]", 2, 'aws.accounts has "12": an AWS account id has 12 '),
        ("[aws]\nexclude_accounts = ['x']", 2, 'aws.exclude_accounts has "x": an AWS account id has 12 digits.'),
        ("[aws]\nunits = ['sales']", 2, 'aws.units has "sales": the id of an organizational unit looks like ou-ab12'),
        ("[aws]\nrole = 'a b'", 2, 'aws.role is "a b": give the role\'s name, or an ARN like arn:aws:iam::{account}'),
        ("[aws]\nrole = 'arn:aws:iam::1:role/x'", 2, "aws.role is"),
        ("[aws]\nsession_name = 'x'", 2, 'aws.session_name is "x": a session name has 2 to 64 '),
        ("[aws]\nexternal_id = 'x'", 2, 'aws.external_id is "x": an external id has 2 to 1224 '),
        (
            "[aws]\nwith = ['tgas']",
            2,
            'aws.with has "tgas": unknown detail (did you mean tags?). Known: datasets, tags, ',
        ),
        ("[aws]\nwith = ['none', 'tags']", 2, 'aws.with has "none": it cannot be combined with others.'),
        ("[aws]\nprofile = 'a'\nprofiles = ['b']", 3, "aws.profiles: aws.profile sets the same: omit one of them."),
        ("[prices]\ntraining_hour = nan", 2, "prices.training_hour is nan: give a price of 0 or more."),
        ("[prices]\ninference_unit_hour = -1", 2, "prices.inference_unit_hour is -1: give a price"),
        ("[retention]\nsnapshots = 0", 2, "retention.snapshots is 0: at least 1 snapshot must stay."),
        ("resume_within = -1", 1, "resume_within is -1: give seconds of 0 or more."),
        ("[aws]\n\nregion = 'x'", 3, "unknown setting aws.region; did you mean aws.regions?"),
        ("rate = 5", 1, "unknown setting rate; did you mean aws.rate?"),
        (
            "[retention]\nzzz = 5",
            2,
            "unknown setting retention.zzz. Known: retention.snapshots, retention.snapshot_days, ",
        ),
        ("# lake\n[price]\ntraining_hour = 1", 2, "unknown section [price]; did you mean [prices]?"),
        ("aws = 3", 1, "aws is 3; it takes a table of settings, such as [aws]."),
        ("[[aws]]\nrate = 1", 1, "aws is "),
        ("# rate = 1\n[prices]\n[aws]\nmax_attempts = 1\n'rate' = -1", 5, "aws.rate is -1: give calls a second"),
        ("aws.regions = ['rate']\naws.rate = 'x'", 2, 'aws.rate is "x"; it takes a number.'),
        ("\nlake = ", 2, "cannot be read as TOML: Invalid value."),
    ],
)
def test_a_bad_file_is_named_with_its_line_and_key(tmp_path: Path, text: str, line: int, said: str):
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as error:
        settings.load(config=path, environment={})
    assert str(error.value).startswith(f"{path}:{line}: {said}")


def test_a_key_that_is_written_in_a_rare_way_is_named_without_its_line(tmp_path: Path):
    path = write(tmp_path, '"r\\u0061te" = 5')
    with pytest.raises(UsageError) as error:
        settings.load(config=path, environment={})
    assert str(error.value) == f"{path}: unknown setting rate; did you mean aws.rate?"


def test_every_key_of_the_file_is_taken(tmp_path: Path):
    text = """
lake = "s3://bucket/lake"
resume_within = 60
[aws]
regions = ["all"]
exclude_regions = ["eu-west-1"]
exclude_accounts = ["444455556666"]
organization = true
units = ["ou-ab12-cdef3456", "r-ab12"]
exclude_units = ["ou-ab12-cdef3457"]
role = "arn:aws:iam::{account}:role/path/ReadModels"
external_id = "secret:1"
session_name = "nightly"
profile = "management"
with = ["tags", "datasets", "tags"]
rate = 50
burst = 10
patience = 0
max_attempts = 3
in_flight = 4
scopes = 16
"""
    chosen = settings.load(config=write(tmp_path, text), environment={})
    assert (chosen.lake, chosen.resume_within) == ("s3://bucket/lake", 60.0)
    assert chosen.aws == settings.AwsSettings(
        regions=("all",),
        exclude_regions=("eu-west-1",),
        exclude_accounts=("444455556666",),
        organization=True,
        units=("ou-ab12-cdef3456", "r-ab12"),
        exclude_units=("ou-ab12-cdef3457",),
        role="arn:aws:iam::{account}:role/path/ReadModels",
        external_id="secret:1",
        session_name="nightly",
        profiles=("management",),
        details=("tags", "datasets"),
        rate=50.0,
        burst=10.0,
        patience=0.0,
        max_attempts=3,
        in_flight=4,
        scopes=16,
    )
    settings.check_consistency(chosen.aws)


def test_every_variable_is_taken():
    chosen = settings.load(
        environment={
            "REKLAKE_RESUME_WITHIN": "5",
            "REKLAKE_EXCLUDE_REGIONS": "eu-west-1",
            "REKLAKE_EXCLUDE_ACCOUNTS": "444455556666",
            "REKLAKE_ORGANIZATION": "true",
            "REKLAKE_UNITS": "r-ab12, ou-ab12-cdef3456",
            "REKLAKE_EXCLUDE_UNITS": "ou-ab12-cdef3457",
            "REKLAKE_ROLE": "ReadModels",
            "REKLAKE_EXTERNAL_ID": "xyz",
            "REKLAKE_SESSION_NAME": "nightly",
            "REKLAKE_PROFILES": "a,b",
            "REKLAKE_WITH": "none",
            "REKLAKE_BURST": "3",
            "REKLAKE_PATIENCE": "1.5",
            "REKLAKE_MAX_ATTEMPTS": "2",
            "REKLAKE_IN_FLIGHT": "3",
            "REKLAKE_SCOPES": "4",
            "REKLAKE_REGIONS": " ",
        }
    )
    assert chosen.resume_within == 5.0
    assert chosen.aws == settings.AwsSettings(
        exclude_regions=("eu-west-1",),
        exclude_accounts=("444455556666",),
        organization=True,
        units=("r-ab12", "ou-ab12-cdef3456"),
        exclude_units=("ou-ab12-cdef3457",),
        role="ReadModels",
        external_id="xyz",
        session_name="nightly",
        profiles=("a", "b"),
        details=(),
        burst=3.0,
        patience=1.5,
        max_attempts=2,
        in_flight=3,
        scopes=4,
    )
    assert settings.load(environment={"REKLAKE_PROFILE": "a"}, config=None).aws.profile == "a"


@pytest.mark.parametrize(
    ("given", "details"),
    [
        ({}, None),
        ({"details": ()}, None),
        ({"details": ("none",)}, ()),
        ({"details": ["none"]}, ()),
        ({"details": ["tags,policies", "datasets"]}, ("tags", "policies", "datasets")),
    ],
)
def test_details_by_flag(given: dict, details: tuple[str, ...] | None):
    assert settings.load(environment={}, **given).aws.details == details


@pytest.mark.parametrize("text", ["with = []", "with = ['none']"])
def test_no_details_in_the_file(tmp_path: Path, text: str):
    assert settings.load(config=write(tmp_path, f"[aws]\n{text}"), environment={}).aws.details == ()
    chosen = settings.load(config=write(tmp_path, f"[aws]\n{text}"), environment={}, details=["tags"])
    assert chosen.aws.details == ("tags",)


@pytest.mark.parametrize(
    ("given", "environment", "said"),
    [
        ({"rate": 0}, {}, "--rate 0: give calls a second, above 0"),
        ({"burst": 0}, {}, "--burst 0: give a number of calls"),
        ({"accounts": ["12"]}, {}, "--account 12: an AWS account id has 12 digits."),
        ({"accounts": ["１１１１２２２２３３３３"]}, {}, "--account .*12 digits"),
        ({"units": ["x"]}, {}, "--ou x: the id of an organizational unit"),
        ({"role": ""}, {}, "--role : give the role's name"),
        ({"regions": ["  "]}, {}, "--region   : it must not be empty"),
        ({"details": ["tag"]}, {}, r"--with tag: unknown detail \(did you mean tags\?\)"),
        ({"details": ["none,tags"]}, {}, "--with none: it cannot be combined with others"),
        ({"max_attempts": 0}, {}, "max_attempts is 0: it must be 1 or more."),
        ({"resume_within": -1}, {}, "--resume-within -1: give seconds of 0 or more."),
        ({}, {"REKLAKE_RATE": "fast"}, 'REKLAKE_RATE is "fast"; it takes a number.'),
        ({}, {"REKLAKE_RATE": "-1"}, r"REKLAKE_RATE is -1\.0: give calls a second, above 0"),
        ({}, {"REKLAKE_SCOPES": "1.5"}, 'REKLAKE_SCOPES is "1.5"; it takes a whole number.'),
        ({}, {"REKLAKE_ORGANIZATION": "maybe"}, 'REKLAKE_ORGANIZATION is "maybe"; it takes true or false.'),
        ({}, {"REKLAKE_ACCOUNTS": "111122223333,1"}, 'REKLAKE_ACCOUNTS has "1": an AWS account id'),
        ({}, {"REKLAKE_WITH": "all"}, 'REKLAKE_WITH has "all": unknown detail'),
    ],
)
def test_a_bad_flag_or_variable_is_named(given: dict, environment: dict[str, str], said: str):
    with pytest.raises(UsageError, match=f"^{said}"):
        settings.load(environment=environment, **given)


ONE, TWO, THREE = "111122223333", "444455556666", "777788889999"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"organization": True, "accounts": [ONE], "role": "R"}, "--organization and --account exclude each other"),
        ({"organization": True, "role": "R", "profiles": ["a", "b"]}, "cannot be combined with --organization"),
        ({"accounts": [ONE], "profiles": ["a", "b"]}, "cannot be combined with --account"),
        ({"role": "R", "profiles": ["a", "b"]}, "cannot be combined with --role"),
        ({"organization": True}, "--organization needs --role"),
        ({"accounts": [ONE, TWO]}, "--account: several accounts need --role NAME"),
        ({"role": "R"}, "--role needs --account or --organization"),
        ({"external_id": "xyz"}, "--external-id needs --role"),
        ({"units": ["r-ab12"]}, "--ou needs --organization"),
        ({"exclude_units": ["r-ab12"]}, "--exclude-ou needs --organization"),
        ({"accounts": [ONE], "exclude_accounts": [ONE]}, "--exclude-account: leaves nothing of --account"),
        ({"regions": ["a"], "exclude_regions": ["b", "a"]}, "--exclude-region: leaves nothing of --region"),
        (
            {"organization": True, "role": "R", "units": ["r-ab12"], "exclude_units": ["r-ab12"]},
            "--exclude-ou: leaves nothing of --ou",
        ),
        ({"accounts": [ONE], "role": f"arn:aws:iam::{TWO}:role/R"}, f"belongs to account {TWO} only: put {{account}}"),
        (
            {"organization": True, "role": f"arn:aws:iam::{TWO}:role/R"},
            f"belongs to account {TWO} only: put {{account}}",
        ),
    ],
)
def test_what_contradicts_is_said_when_aws_is_asked(given: dict, said: str):
    chosen = settings.load(environment={}, **given)
    with pytest.raises(UsageError, match=said):
        settings.check_consistency(chosen.aws)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"accounts": [ONE]},
        {"accounts": [ONE, TWO], "exclude_accounts": [TWO]},
        {"accounts": [ONE], "role": f"arn:aws:iam::{ONE}:role/R"},
        {"profiles": ["a", "b"], "exclude_accounts": [ONE]},
        {"profile": "a", "organization": True, "role": "R", "units": ["r-ab12"], "exclude_units": ["ou-ab12-cdef3456"]},
        {"regions": ["all"], "exclude_regions": ["eu-west-1"]},
    ],
)
def test_what_goes_together(given: dict):
    settings.check_consistency(settings.load(environment={}, **given).aws)


def test_a_contradiction_in_the_file_is_named_with_its_line(tmp_path: Path):
    path = write(tmp_path, '[aws]\nrole = "R"\n')
    with pytest.raises(UsageError) as error:
        settings.check_consistency(settings.load(config=path, environment={}).aws)
    assert str(error.value).startswith(f"{path}:2: aws.role needs --account or --organization")


def test_accounts_and_an_organization_give_way_to_the_stronger_place(tmp_path: Path):
    path = write(tmp_path, '[aws]\norganization = true\nunits = ["r-ab12"]\nrole = "R"\n')
    narrowed = settings.load(config=path, environment={}, accounts=[ONE]).aws
    assert (narrowed.organization, narrowed.units, narrowed.accounts) == (False, (), (ONE,))
    settings.check_consistency(narrowed)
    widened = settings.load(environment={"REKLAKE_ACCOUNTS": ONE}, organization=True, role="R").aws
    assert (widened.organization, widened.accounts) == (True, ())
    assert not settings.load(config=path, environment={}, organization=False).aws.organization


def test_a_missing_file_that_was_named(tmp_path: Path):
    with pytest.raises(UsageError, match="no such file"):
        settings.load(config=tmp_path / "none.toml", environment={})
