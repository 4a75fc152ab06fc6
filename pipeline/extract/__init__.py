"""The only place that knows AWS: plans the scopes, paces the calls, yields the pages as they come."""

from pipeline.extract.pages import list_scope
from pipeline.extract.targets import CUSTOM_LABELS_REGIONS, Target, plan

__all__ = ["CUSTOM_LABELS_REGIONS", "Target", "list_scope", "plan"]
