"""Descriptions of generated model versions, with the members that each status has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.emulator.json_protocol import JsonObject, epoch_seconds
from pipeline.emulator.random_stream import RandomStream

if TYPE_CHECKING:
    from pipeline.emulator.generated_world import GeneratedWorld, ProjectPlan

_MESSAGES: dict[str, tuple[str, ...]] = {
    "TRAINING_IN_PROGRESS": ("The model is being trained.",),
    "TRAINING_COMPLETED": ("The model is ready to run.",),
    "TRAINING_FAILED": (
        "The manifest file contains too many invalid rows.",
        "The manifest file contains images from multiple S3 buckets.",
        "The manifest file has too few usable labels.",
        "Insufficient usable label overlap between the training and testing manifest files.",
        "Amazon Rekognition experienced a service issue.",
        "The S3 bucket permissions are incorrect for one or more images.\nCheck the bucket policy.",
    ),
    "STARTING": ("The model is starting.",),
    "RUNNING": ("The model is running.",),
    "STOPPING": ("The model is stopping.",),
    "STOPPED": ("The model is stopped and ready to run.",),
    "FAILED": ("The model failed to start. Try again later.",),
    "DELETING": ("The model is being deleted.",),
    "COPYING_IN_PROGRESS": ("Model copy is in progress.",),
    "COPYING_COMPLETED": ("Model copy operation was successful",),
    "COPYING_FAILED": (
        "The model copy operation failed. The KMS key of the source model is not accessible.",
        "Amazon Rekognition experienced a service issue.",
    ),
    "DEPRECATED": ("The adapter's base model version is deprecated. Retrain the adapter.",),
    "EXPIRED": ("The adapter's base model version has expired. Retrain the adapter.",),
}
_DESCRIPTIONS = (
    "Retrained with the images of the night shift",
    "Baseline",
    "More examples of the rare labels, same test set",
    "Candidate for the pilot line (2 cameras)",
)
_NO_MODEL = frozenset({"TRAINING_IN_PROGRESS", "TRAINING_FAILED", "COPYING_IN_PROGRESS", "COPYING_FAILED"})
_HOSTED = frozenset({"STARTING", "RUNNING", "STOPPING"})
_VERSIONS_PER_MANIFEST = 3
_HOUR = 3_600_000


def console_bucket(seed: int, plan: ProjectPlan) -> str:
    """Return the name of the bucket that the Custom Labels console makes in a scope."""
    suffix = RandomStream(seed, "bucket", plan.account, plan.region).hexadecimal(10)
    return f"custom-labels-console-{plan.region}-{suffix}"


def describe_version(world: GeneratedWorld, plan: ProjectPlan, index: int) -> JsonObject:
    """Return the ProjectVersionDescription of a version; 0 is the oldest."""
    created_ms = world.version_created_ms(plan, index)
    outcome = world.outcome(plan, index)
    status, is_copy, has_model = outcome.status, outcome.source is not None, outcome.status not in _NO_MODEL
    values = world.random(plan, index, "details")
    exponent = values.below(12) == 0
    bucket, folder = console_bucket(world.seed, plan), f"evaluation/{plan.name}"

    def result_object(kind: str) -> JsonObject:
        name = f"{folder}/{kind}-{plan.name}-{world.version_name(plan, index)}.json"
        return {"S3Object": {"Bucket": bucket, "Name": name}}

    def result_assets(kind: str) -> list[JsonObject]:
        return [{"GroundTruthManifest": result_object(kind)}]

    messages = _MESSAGES[status]
    description: JsonObject = {
        "ProjectVersionArn": world.version_arn(plan, index),
        "CreationTimestamp": epoch_seconds(created_ms, exponent=exponent),
        "Status": status,
        "StatusMessage": messages[0] if len(messages) == 1 else values.pick(messages),
        "OutputConfig": {"S3Bucket": bucket, "S3KeyPrefix": folder},
    }
    training: JsonObject = {} if is_copy else {"Input": _training_input(plan, index, bucket)}
    testing: JsonObject = {} if is_copy else {"Input": _testing_input(plan, index, bucket)}
    description |= {"TrainingDataResult": training, "TestingDataResult": testing}
    if status == "TRAINING_IN_PROGRESS":
        return description
    ended_ms = created_ms + _HOUR // 3 + values.below(7 * _HOUR)
    if outcome.source is not None:
        description["SourceProjectVersionArn"] = world.version_arn(*outcome.source)
    else:
        description["TrainingEndTimestamp"] = epoch_seconds(ended_ms, exponent=exponent)
    if has_model:
        if not is_copy:
            # several machines train at once, and their start is not billed
            seconds = (ended_ms - created_ms) // 1000 * (1 + values.below(3)) - 97 - values.below(200)
            description["BillableTrainingTimeInSeconds"] = seconds
        description["EvaluationResult"] = {
            "F1Score": world.f1_score(plan, index),
            "Summary": result_object("EvaluationResultSummary"),
        }
        auto_create = testing.get("Input", {}).get("AutoCreate", False)
        training["Output"] = {"Assets": result_assets("TrainingGroundTruth")}
        testing["Output"] = {"Assets": result_assets("TestingGroundTruth"), "AutoCreate": auto_create}
    if status != "TRAINING_FAILED" or values.chance(0.7):
        training["Validation"] = {"Assets": result_assets("TrainingManifestWithValidation")}
        testing["Validation"] = {"Assets": result_assets("TestingManifestWithValidation")}
        description["ManifestSummary"] = result_object("ManifestSummary")
    return description | _options(plan, status, values)


def _options(plan: ProjectPlan, status: str, values: RandomStream) -> JsonObject:
    """Return the members that only some versions have."""
    options: JsonObject = {}
    if status in _HOSTED or (status in ("STOPPED", "FAILED") and values.chance(0.6)):
        units = 1 + values.below(3)
        options["MinInferenceUnits"] = units
        if values.chance(0.35):
            options["MaxInferenceUnits"] = units + 1 + values.below(4)
    if values.below(9) == 0:
        key = values.hexadecimal(12)
        options["KmsKeyId"] = f"arn:aws:kms:{plan.region}:{plan.account}:key/1234abcd-12ab-34cd-56ef-{key}"
    if values.below(7) == 0:
        options["VersionDescription"] = values.pick(_DESCRIPTIONS)
    if plan.has_feature_member:
        options["Feature"] = plan.feature
    if plan.feature == "CONTENT_MODERATION":
        options["BaseModelVersion"] = values.pick(("6.1", "7.0"))
        threshold = float(values.pick((50, 55, 60, 70)))
        options["FeatureConfig"] = {"ContentModeration": {"ConfidenceThreshold": threshold}}
    return options


def _training_input(plan: ProjectPlan, index: int, bucket: str) -> JsonObject:
    if plan.trained_from == "datasets":
        return {}
    folder = f"datasets/{plan.name}/rev{index // _VERSIONS_PER_MANIFEST + 1}/manifests"
    names = [f"{folder}/output/output.manifest"]
    if plan.subject.detection:  # two teams have drawn boxes
        names.append(f"{folder}/output-2/output.manifest")
    return {"Assets": [{"GroundTruthManifest": {"S3Object": {"Bucket": bucket, "Name": name}}} for name in names]}


def _testing_input(plan: ProjectPlan, index: int, bucket: str) -> JsonObject:
    if plan.trained_from == "datasets":
        return {"AutoCreate": False}
    if index < _VERSIONS_PER_MANIFEST:  # the first versions split off a part of the training images
        return {"AutoCreate": True}
    manifest = {  # projects with one subject share their test set
        "Bucket": bucket,
        "Name": f"datasets/shared/{plan.subject.name}/test/output.manifest",
        "Version": RandomStream(plan.subject.name, "object version").hexadecimal(32),
    }
    return {"Assets": [{"GroundTruthManifest": {"S3Object": manifest}}], "AutoCreate": False}
