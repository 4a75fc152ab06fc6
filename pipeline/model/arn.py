"""Names that the API gives only inside ARNs.

A version's ARN is `arn:<partition>:rekognition:<region>:<account>:project/<project>/version/<version>/<millis>`
and a project's `...:project/<project>/<millis>`: the last segment is the creation time in epoch milliseconds,
not a name (Rekognition API reference, ProjectVersionDescription and ProjectDescription).
"""

from __future__ import annotations

from types import MappingProxyType

SEPARATOR = "/"
NAME_SEGMENTS = MappingProxyType({"project_name": 1, "version_name": 3})
"""Which segment between slashes, 0-based, holds the name; an ARN without it gives null."""
