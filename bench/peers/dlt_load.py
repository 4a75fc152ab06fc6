"""The same export with dlt, as one writes it first: one dict at a time, default settings, Parquet files.

    python bench/peers/dlt_load.py (--endpoint URL | --pages FILE) FOLDER

Nested lists become tables of their own. Bodies from a file are decoded the fastest way there is, by orjson.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import source


def main() -> None:
    chosen = source.arguments(__doc__)
    with tempfile.TemporaryDirectory() as working:
        os.environ |= {"DLT_DATA_DIR": working, "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
        import dlt

        @dlt.resource(name="project_versions")
        def described() -> Iterator[dict[str, Any]]:
            for arn, listed in source.over_http(chosen.endpoint) if chosen.endpoint else source.decoded(chosen.pages):
                for version in listed:
                    yield {"ProjectArn": arn, **version}

        started = time.perf_counter()
        load = dlt.pipeline(
            pipeline_name="bench",
            destination=dlt.destinations.filesystem(Path(chosen.folder).resolve().as_uri()),
            dataset_name="lake",
            pipelines_dir=working,
        )
        load.run(described(), loader_file_format="parquet")
        print(json.dumps({"seconds": time.perf_counter() - started} if chosen.pages else {}))


if __name__ == "__main__":
    main()
