"""Sessions: the credentials that a run starts from, one session a profile; AWS's models are read once for all.

They are botocore's, which find what boto3's do: what boto3 adds is resources and transfers to S3, of which listing has
no use, and a sixteenth of a second to import.
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
    """Sessions by profile, each made when it is first asked for; the AWS models are read once (9 MB, 0.1 s)."""

    def __init__(self, settings: AwsSettings) -> None:
        self.settings = settings
        self._made: dict[str | None, Session] = {}
        self._loader: Any = None
        self.lock = threading.RLock()
        """Making sessions and clients is not safe on several threads (boto3 guide, Session); using clients is."""

    def of(self, profile: str | None) -> Session:
        """Return the session of a profile (None: boto3's default); UsageError if it is unknown or has none."""
        with self.lock:
            if profile not in self._made:
                self._made[profile] = self._begin(profile)
            return self._made[profile]

    def inner(self, profile: str | None) -> Session:
        """Return a new botocore session of the profile, which reads AWS's models where the others do."""
        session = Session(profile=profile)
        if self._loader is None:
            self._loader = session.get_component("data_loader")
        session.register_component("data_loader", self._loader)
        return session

    def _begin(self, profile: str | None) -> Session:
        try:
            session = self.inner(profile)
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
