"""Frozen settings. Each comes from the first place that sets it: a flag, the environment, reklake.toml, the default."""

from pipeline.settings.consistency import check_consistency
from pipeline.settings.loading import load
from pipeline.settings.model import DEFAULT_LAKE, QUOTA, AwsSettings, Prices, Retention, Settings

__all__ = [
    "DEFAULT_LAKE",
    "QUOTA",
    "AwsSettings",
    "Prices",
    "Retention",
    "Settings",
    "check_consistency",
    "load",
]
