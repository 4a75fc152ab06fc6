"""The only place that knows AWS: plans the scopes, paces the calls, yields the pages as they come."""

from pipeline.extract.lister import Listed, Lister, Reading, Sink
from pipeline.extract.sessions import Sessions
from pipeline.extract.targets import CUSTOM_LABELS_REGIONS, Plan, Target, plan

__all__ = [
    "CUSTOM_LABELS_REGIONS",
    "Listed",
    "Lister",
    "Plan",
    "Reading",
    "Sessions",
    "Sink",
    "Target",
    "plan",
]
