"""What an ARN contains: names that the API gives nowhere else, and the kind of resource.

A version's ARN is `arn:<partition>:rekognition:<region>:<account>:project/<project>/version/<version>/<millis>`
and a project's `...:project/<project>/<millis>`: the last segment is the creation time in epoch milliseconds,
not a name (Rekognition API reference, ProjectVersionDescription and ProjectDescription). A dataset's is
`...:project/<project>/dataset/<train or test>/<millis>`.
"""

from __future__ import annotations

from types import MappingProxyType

SEPARATOR = "/"
NAME_SEGMENTS = MappingProxyType({"project_name": 1, "version_name": 3})
"""The 0-based segment between slashes that holds the name. An ARN without it gives null."""
FACTS = frozenset({*NAME_SEGMENTS, "resource_type"})
"""The names that `fact` knows."""

RESOURCE = 5
"""The 0-based field between colons that names the resource."""
TYPES = MappingProxyType({"version": "model version", "dataset": "dataset"})


def fact(arn: str | None, name: str) -> str | None:
    """Return what the ARN contains under this name (one of FACTS); None if it does not contain it."""
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
    """Return the project's ARN up to its name, with the slash after it.

    The ARNs of everything in a project begin with it, and so do those of an earlier project with the same name.
    """
    return project_arn.rpartition(SEPARATOR)[0] + SEPARATOR
