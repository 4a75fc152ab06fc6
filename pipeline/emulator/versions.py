"""Descriptions of model versions, with the members that each status has."""

from __future__ import annotations

from functools import cache

from pipeline.emulator.history import HOUR, History, ProjectPlan
from pipeline.emulator.json_protocol import JsonObject, epoch_seconds
from pipeline.emulator.random_stream import RandomStream

_MESSAGES = {
    "TRAINING_IN_PROGRESS": "The model is being trained.",
    "TRAINING_COMPLETED": "The model is ready to run.",
    "STARTING": "The model is starting.",
    "RUNNING": "The model is running.",
    "STOPPING": "The model is stopping.",
    "STOPPED": "The model is stopped and ready to run.",
    "FAILED": "The model failed to start. Try again later.",
    "DELETING": "The model is being deleted.",
    "COPYING_IN_PROGRESS": "Model copy is in progress.",
    "COPYING_COMPLETED": "Model copy operation was successful",
    "DEPRECATED": "The adapter's base model version is deprecated. Retrain the adapter.",
    "EXPIRED": "The adapter's base model version has expired. Retrain the adapter.",
}
_TRAINING_FAILURES = (
    "The manifest file contains too many invalid rows.",
    "The manifest file contains images from multiple S3 buckets.",
    "The manifest file has too few usable labels.",
    "Insufficient usable label overlap between the training and testing manifest files.",
    "Amazon Rekognition experienced a service issue.",
    "The S3 bucket permissions are incorrect for one or more images.\nCheck the bucket policy.",
)
_COPYING_FAILURES = (
    "The model copy operation failed. The KMS key of the source model is not accessible.",
    "Amazon Rekognition experienced a service issue.",
)
_DESCRIPTIONS = (
    "Retrained with the images of the night shift",
    "Baseline",
    "More examples of the rare labels, same test set",
    "Candidate for the pilot line (2 cameras)",
)
_MANIFESTS_EACH = 3  # versions in a row that are trained from one revision of the manifest
_NO_MODEL = frozenset({"TRAINING_IN_PROGRESS", "TRAINING_FAILED", "COPYING_IN_PROGRESS", "COPYING_FAILED"})
_HOSTED = frozenset({"STARTING", "RUNNING", "STOPPING"})


def console_bucket(seed: int, account: str, region: str) -> str:
    """Name of the bucket that the Custom Labels console makes in a scope."""
    return f"custom-labels-console-{region}-{RandomStream(seed, 'bucket', account, region).hexadecimal(10)}"


class VersionWriter:
    """Writes the ProjectVersionDescriptions of a world."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._buckets: dict[tuple[str, str], str] = {}

    def describe(self, plan: ProjectPlan, index: int) -> JsonObject:
        """ProjectVersionDescription of a version, 0 the oldest."""
        history = self._history
        created_ms = history.created_ms(plan, index)
        name = history.version_name(plan, index, created_ms)
        status, source = history.status(plan, index)
        dice = history.dice(plan, index, "details")
        exponent = dice.below(12) == 0
        bucket = self._bucket(plan)
        prefix = f"evaluation/{plan.name}"
        description: JsonObject = {
            "ProjectVersionArn": f"{plan.arn.rpartition('/')[0]}/version/{name}/{created_ms}",
            "CreationTimestamp": epoch_seconds(created_ms, exponent=exponent),
            "Status": status,
            "StatusMessage": self._message(status, dice),
            "OutputConfig": {"S3Bucket": bucket, "S3KeyPrefix": prefix},
        }
        results = _Results(bucket, prefix, f"{plan.name}-{name}", status)
        if source is None:
            results.add_inputs(self._training_input(plan, index, bucket), self._testing_input(plan, index, bucket))
            if status == "TRAINING_IN_PROGRESS":
                return results.into(description)
        ended_ms = created_ms + HOUR // 3 + dice.below(7 * HOUR)
        if source is None:
            description["TrainingEndTimestamp"] = epoch_seconds(ended_ms, exponent=exponent)
        else:
            description["SourceProjectVersionArn"] = history.version_arn(*source)
        if status not in _NO_MODEL:
            if source is None:
                # trained on several machines at once, and start-up is not billed
                elapsed = (ended_ms - created_ms) // 1000
                description["BillableTrainingTimeInSeconds"] = elapsed * (1 + dice.below(3)) - 97 - dice.below(200)
            description["EvaluationResult"] = {
                "F1Score": history.f1_score(plan, index, source),
                "Summary": results.object_at("EvaluationResultSummary"),
            }
        if status != "TRAINING_FAILED" or dice.chance(0.7):
            results.add_outputs()
            description["ManifestSummary"] = results.object_at("ManifestSummary")
        results.into(description)
        self._add_options(description, plan, status, dice)
        return description

    def _add_options(self, description: JsonObject, plan: ProjectPlan, status: str, dice: RandomStream) -> None:
        if status in _HOSTED or (status in ("STOPPED", "FAILED") and dice.chance(0.6)):
            units = 1 + dice.below(3)
            description["MinInferenceUnits"] = units
            if dice.chance(0.35):
                description["MaxInferenceUnits"] = units + 1 + dice.below(4)
        if dice.below(9) == 0:
            key = dice.hexadecimal(12)
            description["KmsKeyId"] = f"arn:aws:kms:{plan.region}:{plan.account}:key/1234abcd-12ab-34cd-56ef-{key}"
        if dice.below(7) == 0:
            description["VersionDescription"] = dice.pick(_DESCRIPTIONS)
        if plan.feature == "CONTENT_MODERATION":
            description["Feature"] = "CONTENT_MODERATION"
            description["BaseModelVersion"] = dice.pick(("6.1", "7.0"))
            threshold = float(dice.pick((50, 55, 60, 70)))
            description["FeatureConfig"] = {"ContentModeration": {"ConfidenceThreshold": threshold}}
        elif has_feature_member(plan):
            description["Feature"] = "CUSTOM_LABELS"

    def _bucket(self, plan: ProjectPlan) -> str:
        scope = (plan.account, plan.region)
        if scope not in self._buckets:
            self._buckets[scope] = console_bucket(self._history.seed, *scope)
        return self._buckets[scope]

    @staticmethod
    def _message(status: str, dice: RandomStream) -> str:
        if status == "TRAINING_FAILED":
            return dice.pick(_TRAINING_FAILURES)
        if status == "COPYING_FAILED":
            return dice.pick(_COPYING_FAILURES)
        return _MESSAGES[status]

    @staticmethod
    def _training_input(plan: ProjectPlan, index: int, bucket: str) -> JsonObject:
        if plan.trained_from == "datasets":
            return {}
        revision = index // _MANIFESTS_EACH + 1
        folder = f"datasets/{plan.name}/rev{revision}/manifests"
        names = [f"{folder}/output/output.manifest"]
        if plan.family.detection:  # labelled by two teams
            names.append(f"{folder}/output-2/output.manifest")
        return {"Assets": [_manifest(bucket, name) for name in names]}

    @staticmethod
    def _testing_input(plan: ProjectPlan, index: int, bucket: str) -> JsonObject:
        if plan.trained_from == "datasets":
            return {"AutoCreate": False}
        if index < _MANIFESTS_EACH:  # before there was a test set of one's own
            return {"AutoCreate": True}
        # one test set a family, so that projects can be compared
        shared = f"datasets/shared/{plan.family.name}/test/output.manifest"
        return {
            "Assets": [_manifest(bucket, shared, _object_version(plan.family.name))],
            "AutoCreate": False,
        }


class _Results:
    """The training and testing results of one version, as they fill up."""

    def __init__(self, bucket: str, prefix: str, title: str, status: str) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._title = title
        self._has_model = status not in _NO_MODEL
        self._training: JsonObject = {}
        self._testing: JsonObject = {}

    def object_at(self, kind: str) -> JsonObject:
        return {"S3Object": {"Bucket": self._bucket, "Name": f"{self._prefix}/{kind}-{self._title}.json"}}

    def add_inputs(self, training: JsonObject, testing: JsonObject) -> None:
        self._training["Input"] = training
        self._testing["Input"] = testing

    def add_outputs(self) -> None:
        if self._has_model:
            auto_create = self._testing.get("Input", {}).get("AutoCreate", False)
            self._training["Output"] = {"Assets": self._assets("TrainingGroundTruth")}
            self._testing["Output"] = {
                "Assets": self._assets("TestingGroundTruth"),
                "AutoCreate": auto_create,
            }
        self._training["Validation"] = {"Assets": self._assets("TrainingManifestWithValidation")}
        self._testing["Validation"] = {"Assets": self._assets("TestingManifestWithValidation")}

    def into(self, description: JsonObject) -> JsonObject:
        if self._training:
            description["TrainingDataResult"] = self._training
            description["TestingDataResult"] = self._testing
        return description

    def _assets(self, kind: str) -> list[JsonObject]:
        return [{"GroundTruthManifest": self.object_at(kind)}]


@cache
def _object_version(family: str) -> str:
    return RandomStream(family, "object version").hexadecimal(32)


def _manifest(bucket: str, name: str, version: str | None = None) -> JsonObject:
    place = {"Bucket": bucket, "Name": name}
    if version is not None:
        place["Version"] = version
    return {"GroundTruthManifest": {"S3Object": place}}


def has_feature_member(plan: ProjectPlan) -> bool:
    """Whether the project is young enough that the service writes its Feature, and does not leave it out."""
    return plan.created_ms >= _FEATURE_SINCE_MS


_FEATURE_SINCE_MS = 1_696_118_400_000  # adapters appeared in October 2023
