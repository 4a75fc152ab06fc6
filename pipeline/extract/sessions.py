"""Sessions: the credentials that a run starts from, one session a profile; AWS's models are read once for all.

They are botocore's, which find credentials as boto3's do. What boto3 adds (resources, transfers to S3) is not needed
here, and takes 0.06 s to import.
"""

from __future__ import annotations

import threading
from typing import Any

import botocore.exceptions as aws
from botocore.session import Session

from pipeline.errors import UsageError
from pipeline.settings import AwsSettings


def own_regions(session: Session) -> tuple[str, ...]:
    """Return the region that the environment or the session's profile names; none if neither does."""
    region = session.get_config_variable("region")
    return (str(region),) if region else ()


class Sessions:
    """Sessions by profile, each made when it is first needed; the AWS models are read once (9 MB, 0.1 s)."""

    def __init__(self, settings: AwsSettings) -> None:
        self.settings = settings
        self._made: dict[str | None, Session] = {}
        self._loader: Any = None
        self.lock = threading.RLock()
        """For making sessions and clients, which is not thread-safe (boto3 guide, Session); using clients is."""

    def of(self, profile: str | None) -> Session:
        """Return the session of a profile (None: boto3's default); UsageError if it is unknown or has none."""
        with self.lock:
            if profile not in self._made:
                self._made[profile] = self._make(profile)
            return self._made[profile]

    def new(self, profile: str | None) -> Session:
        """Return a new session of the profile, which shares AWS's models with the others."""
        session = Session(profile=profile)
        if self._loader is None:
            self._loader = session.get_component("data_loader")
        session.register_component("data_loader", self._loader)
        return session

    def _make(self, profile: str | None) -> Session:
        try:
            session = self.new(profile)
            credentials = session.get_credentials()
        except aws.ProfileNotFound as error:
            known = ", ".join(Session(profile="default").available_profiles) or "none"
            raise UsageError(f"{error}. Profiles on this machine: {known}.") from error
        except aws.BotoCoreError as error:
            raise UsageError(f"The AWS configuration cannot be used: {error}.") from error
        if credentials is None:
            raise UsageError(
                "No AWS credentials found. Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                "or run `aws configure`; to try reklake without an account, run `reklake demo`."
            )
        return session
