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
    ("text", "said"),
    [
        ("lake = 3", "lake is 3; it takes a string"),
        ("[aws]\nregion = 'x'", "aws.region is no setting. Known:.*aws.regions"),
        ("[aws]\nregions = 'us-east-1'", "aws.regions is 'us-east-1'; it takes a list of strings"),
        ("[aws]\nregions = [1]", "it takes a list of strings"),
        ("[prices]\ntraining_hour = 'free'", "prices.training_hour is 'free'; it takes a number"),
        ("[prices]\ntraining_hour = true", "it takes a number"),
        ("[price]\ntraining_hour = 1", "price is no setting"),
        ("lake = ", "cannot be read as TOML"),
        ("[aws]\nrate = -1", "above 0"),
        ("[aws]\nin_flight = 0", "must be 1 or more"),
        ("[prices]\ntraining_hour = nan", "prices.training_hour is nan: give a price of 0 or more"),
        ("[prices]\ninference_unit_hour = -1", "prices.inference_unit_hour is -1"),
    ],
)
def test_a_bad_file_is_named_with_its_key(tmp_path: Path, text: str, said: str):
    with pytest.raises(UsageError, match=said):
        settings.load(config=write(tmp_path, text), environment={})


def test_a_missing_file_that_was_named(tmp_path: Path):
    with pytest.raises(UsageError, match="no such file"):
        settings.load(config=tmp_path / "none.toml", environment={})


def test_a_bad_number_in_the_environment():
    with pytest.raises(UsageError, match="REKLAKE_RATE is 'fast'"):
        settings.load(environment={"REKLAKE_RATE": "fast"})
