"""Names that the API gives only inside ARNs, and what kind of thing an ARN names.

A version's ARN is `arn:<partition>:rekognition:<region>:<account>:project/<project>/version/<version>/<millis>`
and a project's `...:project/<project>/<millis>`: the last segment is the creation time in epoch milliseconds,
not a name (Rekognition API reference, ProjectVersionDescription and ProjectDescription). A dataset's is
`...:project/<project>/dataset/<train or test>/<millis>`.
"""

from __future__ import annotations

from types import MappingProxyType

SEPARATOR = "/"
NAME_SEGMENTS = MappingProxyType({"project_name": 1, "version_name": 3})
"""Which segment between slashes, 0-based, holds the name; an ARN without it gives null."""

RESOURCE = 5
"""Which part between colons, 0-based, names the resource."""
TYPES = MappingProxyType({"version": "model version", "dataset": "dataset"})


def resource_type(arn: str) -> str | None:
    """Return project, dataset or model version; None for an ARN of another form."""
    kind, _, path = arn.split(":", RESOURCE)[-1].partition(SEPARATOR)
    below = path.split(SEPARATOR)[1:]
    if kind != "project" or not below:
        return None
    return TYPES.get(below[0]) if len(below) > 1 else "project"
