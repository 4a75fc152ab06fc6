"""What one writes without reklake: boto3's paginators, dicts into rows, pyarrow, Parquet.

    python bench/peers/plain_boto3.py (--endpoint URL | --pages FILE) FOLDER

With `--pages`, bodies from a file go through botocore's own parser instead of over HTTP.
"""

from __future__ import annotations

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
OTHERS = {"min_inference_units": WHOLE, "max_inference_units": WHOLE, "billable_training_seconds": WHOLE}
OTHERS |= {"testing_input_auto_create": pa.bool_(), "testing_output_auto_create": pa.bool_(), "f1_score": pa.float64()}
OTHERS |= {"asset_index": WHOLE, "moderation_confidence_threshold": pa.float64()} | dict.fromkeys(TIMES, TIME)


def version_row(version: dict[str, Any], project_arn: str) -> dict[str, Any]:
    arn = version["ProjectVersionArn"].split(":")
    names = arn[5].split("/")
    output, testing = version.get("OutputConfig", {}), version.get("TestingDataResult", {})
    evaluated = version.get("EvaluationResult", {})
    summary = evaluated.get("Summary", {}).get("S3Object", {})
    manifest = version.get("ManifestSummary", {}).get("S3Object", {})
    return {
        "account_id": arn[4],
        "region": arn[3],
        "project_arn": project_arn,
        "project_version_arn": version["ProjectVersionArn"],
        "project_name": names[1],
        "version_name": names[3],
        "created_at": version.get("CreationTimestamp"),
        "status": version.get("Status"),
        "status_message": version.get("StatusMessage"),
        "min_inference_units": version.get("MinInferenceUnits"),
        "max_inference_units": version.get("MaxInferenceUnits"),
        "billable_training_seconds": version.get("BillableTrainingTimeInSeconds"),
        "training_ended_at": version.get("TrainingEndTimestamp"),
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
        "kms_key_id": version.get("KmsKeyId"),
        "source_project_version_arn": version.get("SourceProjectVersionArn"),
        "version_description": version.get("VersionDescription"),
        "feature": version.get("Feature"),
        "base_model_version": version.get("BaseModelVersion"),
        "moderation_confidence_threshold": version.get("FeatureConfig", {})
        .get("ContentModeration", {})
        .get("ConfidenceThreshold"),
    }


def asset_rows(version: dict[str, Any], project_arn: str) -> Iterator[dict[str, Any]]:
    arn = version["ProjectVersionArn"].split(":")
    for data_result in ("Training", "Testing"):
        for stage in ("Input", "Output", "Validation"):
            for index, asset in enumerate(version.get(f"{data_result}DataResult", {}).get(stage, {}).get("Assets", [])):
                manifest = asset.get("GroundTruthManifest", {}).get("S3Object", {})
                yield {
                    "account_id": arn[4],
                    "region": arn[3],
                    "project_arn": project_arn,
                    "project_version_arn": version["ProjectVersionArn"],
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
    chosen = source.arguments(__doc__)
    started = time.perf_counter()
    versions, assets = [], []
    for project_arn, listed in source.over_http(chosen.endpoint) if chosen.endpoint else source.parsed(chosen.pages):
        for version in listed:
            versions.append(version_row(version, project_arn))
            assets.extend(asset_rows(version, project_arn))
    for name, rows in (("project_versions", versions), ("version_assets", assets)):
        pq.write_table(as_table(rows), Path(chosen.folder, f"{name}.parquet"), compression="zstd")
    print(json.dumps({"seconds": time.perf_counter() - started} if chosen.pages else {}))


if __name__ == "__main__":
    main()
