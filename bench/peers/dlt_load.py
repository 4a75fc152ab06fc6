"""The same export with dlt: a resource of described dicts into Parquet files of the filesystem destination.

    python bench/peers/dlt_load.py [--way default|tuned|arrow] (--endpoint URL | --pages FILE) FOLDER

By default as one writes it first: one dict at a time, default settings; nested lists become tables of their own.
`tuned` is what dlt's guide advises for speed: pages instead of rows, one resource after the other, larger buffers,
files of a size that two workers share and that are not compressed between stages, no detection of types in texts, no
child tables (flat rows are made in the resource), and zstd as everywhere here. `arrow` leaves dlt nothing to do with
single rows: the resource makes Arrow tables as plain_boto3 does, and dlt carries them on.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import plain_boto3
import source

TUNED = {
    "EXTRACT__NEXT_ITEM_MODE": "fifo",
    "DATA_WRITER__BUFFER_MAX_ITEMS": "20000",
    "EXTRACT__DATA_WRITER__FILE_MAX_ITEMS": "20000",
    "DATA_WRITER__DISABLE_COMPRESSION": "true",  # of the files between its stages
    "NORMALIZE__WORKERS": "2",
    "NORMALIZE__DATA_WRITER__COMPRESSION": "zstd",
}


def default(chosen: argparse.Namespace) -> Any:
    import dlt

    @dlt.resource(name="project_versions")
    def described() -> Iterator[dict[str, Any]]:
        for arn, listed in source.described(chosen):
            for one in listed:
                yield {"ProjectArn": arn, **one}

    return described()


def tuned(chosen: argparse.Namespace) -> Any:
    import dlt

    @dlt.resource(max_table_nesting=0)
    def described() -> Iterator[Any]:
        for arn, listed in source.described(chosen):
            rows = [plain_boto3.version_row(one, arn) for one in listed]
            yield dlt.mark.with_table_name(rows, "project_versions")
            assets = [asset for one in listed for asset in plain_boto3.asset_rows(one, arn)]
            yield dlt.mark.with_table_name(assets, "version_assets")

    return described()


def arrow(chosen: argparse.Namespace) -> Any:
    import dlt

    @dlt.resource
    def described() -> Iterator[Any]:
        for arn, listed in source.described(chosen):
            rows = [plain_boto3.version_row(one, arn) for one in listed]
            yield dlt.mark.with_table_name(plain_boto3.as_table(rows), "project_versions")
            assets = [asset for one in listed for asset in plain_boto3.asset_rows(one, arn)]
            yield dlt.mark.with_table_name(plain_boto3.as_table(assets), "version_assets")

    return described()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--way", choices=["default", "tuned", "arrow"], default="default")
    source.add_arguments(parser)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as working:
        os.environ |= {"DLT_DATA_DIR": working, "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
        if chosen.way != "default":
            os.environ |= TUNED
        import dlt

        started = time.perf_counter()
        made = dlt.pipeline(
            pipeline_name="bench",
            destination=dlt.destinations.filesystem(Path(chosen.folder).resolve().as_uri()),
            dataset_name="lake",
            pipelines_dir=working,
        )
        schema = dlt.Schema("bench")
        if chosen.way != "default":
            for detection in ("iso_timestamp", "timestamp", "iso_date", "large_integer", "hexbytes_to_text"):
                schema.remove_type_detection(detection)  # type: ignore[arg-type]
        resource = {"default": default, "tuned": tuned, "arrow": arrow}[chosen.way](chosen)
        made.run(resource, loader_file_format="parquet", schema=schema)
        print(json.dumps({"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
