"""The only room that calls the services that are exported: plans the scopes, paces the calls, lists page by page."""

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
