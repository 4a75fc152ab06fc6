"""Frozen settings, each from the first place that has it: a flag, the environment, reklake.toml, the default."""

from pipeline.settings.loading import CONFIG_FILE, load
from pipeline.settings.model import (
    DEFAULT_LAKE,
    QUOTA,
    RESUME_WITHIN,
    SESSION_NAME,
    AwsSettings,
    Prices,
    Retention,
    Settings,
)
from pipeline.settings.together import check_together

__all__ = [
    "CONFIG_FILE",
    "DEFAULT_LAKE",
    "QUOTA",
    "RESUME_WITHIN",
    "SESSION_NAME",
    "AwsSettings",
    "Prices",
    "Retention",
    "Settings",
    "check_together",
    "load",
]
