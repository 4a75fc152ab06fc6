"""What an ARN tells: names that the API gives nowhere else, and the kind of resource.

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
FACTS = frozenset({*NAME_SEGMENTS, "resource_type"})
"""What `fact` can tell."""

RESOURCE = 5
"""Which field between colons, 0-based, names the resource."""
TYPES = MappingProxyType({"version": "model version", "dataset": "dataset"})


def fact(arn: str | None, name: str) -> str | None:
    """Return what an ARN tells under this name (one of FACTS); None if it does not tell."""
    if arn is None:
        return None
    if name == "resource_type":
        return resource_type(arn)
    segments = arn.split(SEPARATOR)
    return segments[NAME_SEGMENTS[name]] if NAME_SEGMENTS[name] < len(segments) else None


def resource_type(arn: str) -> str | None:
    """Return project, dataset or model version; None for an ARN of another form."""
    kind, _, path = arn.split(":", RESOURCE)[-1].partition(SEPARATOR)
    below = path.split(SEPARATOR)[1:]
    if kind != "project" or not below:
        return None
    return TYPES.get(below[0]) if len(below) > 1 else "project"


def name_prefix(project_arn: str) -> str:
    """Return the ARN up to its project's name, with the slash after it.

    ARNs of all that is in a project begin with it, also those of another project that once had this name.
    """
    return project_arn.rpartition(SEPARATOR)[0] + SEPARATOR
