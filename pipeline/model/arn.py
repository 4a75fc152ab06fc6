r"""Names that the API gives only inside ARNs.

A version's ARN is `arn:<partition>:rekognition:<region>:<account>:project/<project>/version/<version>/<millis>`
and a project's `...:project/<project>/<millis>`: the last segment is the creation time in epoch milliseconds,
not a name (Rekognition API reference, ProjectVersionDescription and ProjectDescription).
"""

from __future__ import annotations

from types import MappingProxyType

NAME_PATTERNS = MappingProxyType(
    {
        "project_name": r":project/(?P<name>[^/]+)/",
        "version_name": r":project/[^/]+/version/(?P<name>[^/]+)/",
    }
)
"""Regular expressions (RE2) whose group `name` is the name; no match means null."""
