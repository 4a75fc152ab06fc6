"""What one writes without reklake: boto3's paginators, dicts into rows, pyarrow, Parquet.

    python bench/peers/plain_boto3.py (--endpoint URL | --pages FILE) FOLDER

With `--pages`, bodies from a file go through botocore's own parser instead of over HTTP. Only boto3 and pyarrow.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import source

TEXT, TIME, WHOLE = pa.string(), pa.timestamp("us", tz="UTC"), pa.int64()
TIMES = ("created_at", "training_ended_at")
OTHERS = {"min_inference_units": WHOLE, "max_inference_units": WHOLE, "billable_training_seconds": pa.uint64()}
OTHERS |= {"testing_input_auto_create": pa.bool_(), "testing_output_auto_create": pa.bool_(), "f1_score": pa.float64()}
OTHERS |= {"asset_index": WHOLE, "moderation_confidence_threshold": pa.float64()} | dict.fromkeys(TIMES, TIME)


def version_row(one: dict[str, Any], project_arn: str) -> dict[str, Any]:
    arn = one["ProjectVersionArn"].split(":")
    names = arn[5].split("/")
    output, testing = one.get("OutputConfig", {}), one.get("TestingDataResult", {})
    evaluated = one.get("EvaluationResult", {})
    summary = evaluated.get("Summary", {}).get("S3Object", {})
    manifest = one.get("ManifestSummary", {}).get("S3Object", {})
    return {
        "account_id": arn[4],
        "region": arn[3],
        "project_arn": project_arn,
        "project_version_arn": one["ProjectVersionArn"],
        "project_name": names[1],
        "version_name": names[3],
        "created_at": one.get("CreationTimestamp"),
        "status": one.get("Status"),
        "status_message": one.get("StatusMessage"),
        "min_inference_units": one.get("MinInferenceUnits"),
        "max_inference_units": one.get("MaxInferenceUnits"),
        "billable_training_seconds": one.get("BillableTrainingTimeInSeconds"),
        "training_ended_at": one.get("TrainingEndTimestamp"),
        "output_bucket": output.get("S3Bucket"),
        "output_key_prefix": output.get("S3KeyPrefix"),
        "testing_input_auto_create": testing.get("Input", {}).get("AutoCreate"),
        "testing_output_auto_create": testing.get("Output", {}).get("AutoCreate"),
        "f1_score": evaluated.get("F1Score"),
        "evaluation_summary_bucket": summary.get("Bucket"),
        "evaluation_summary_key": summary.get("Name"),
        "evaluation_summary_version": summary.get("Version"),
        "manifest_summary_bucket": manifest.get("Bucket"),
        "manifest_summary_key": manifest.get("Name"),
        "manifest_summary_version": manifest.get("Version"),
        "kms_key_id": one.get("KmsKeyId"),
        "source_project_version_arn": one.get("SourceProjectVersionArn"),
        "version_description": one.get("VersionDescription"),
        "feature": one.get("Feature"),
        "base_model_version": one.get("BaseModelVersion"),
        "moderation_confidence_threshold": one.get("FeatureConfig", {})
        .get("ContentModeration", {})
        .get("ConfidenceThreshold"),
    }


def asset_rows(one: dict[str, Any], project_arn: str) -> Iterator[dict[str, Any]]:
    arn = one["ProjectVersionArn"].split(":")
    for data_result in ("Training", "Testing"):
        for stage in ("Input", "Output", "Validation"):
            for index, asset in enumerate(one.get(f"{data_result}DataResult", {}).get(stage, {}).get("Assets", [])):
                manifest = asset.get("GroundTruthManifest", {}).get("S3Object", {})
                yield {
                    "account_id": arn[4],
                    "region": arn[3],
                    "project_arn": project_arn,
                    "project_version_arn": one["ProjectVersionArn"],
                    "data_result": data_result.lower(),
                    "stage": stage.lower(),
                    "asset_index": index,
                    "bucket": manifest.get("Bucket"),
                    "key": manifest.get("Name"),
                    "version": manifest.get("Version"),
                }


def as_table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, pa.schema([(column, OTHERS.get(column, TEXT)) for column in rows[0]]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source.add_arguments(parser)
    chosen = parser.parse_args()
    started = time.perf_counter()
    versions, assets = [], []
    for project_arn, listed in source.described(chosen):
        for one in listed:
            versions.append(version_row(one, project_arn))
            assets.extend(asset_rows(one, project_arn))
    for name, rows in (("project_versions", versions), ("version_assets", assets)):
        pq.write_table(as_table(rows), Path(chosen.folder, f"{name}.parquet"), compression="zstd")
    print(json.dumps({"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
