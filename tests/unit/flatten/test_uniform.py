"""Texts of one shape are cut up, those of another never are taken for it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.flatten import Flat, flatten, matching, uniform
from pipeline.flatten import fast_json as reader
from pipeline.flatten import listings as descriptions
from pipeline.flatten.response_schema import answer
from pipeline.flatten.shapes import NOWHERE, UnfitError, learn, outline, paths_of
from pipeline.model.operations import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, RESULT_KEYS
from pipeline.model.page import RawPage, Scope

SCOPE = Scope("us-east-1", "111122223333")
SEEN = datetime(2026, 1, 1, tzinfo=UTC)
VERSIONS = answer(DESCRIBE_PROJECT_VERSIONS)


def arn(number: int) -> str:
    return f"arn:aws:rekognition:us-east-1:111122223333:project/cats/version/v{number}/169055675195{number}"


def page(*items: Any, number: int = 1, operation: str = DESCRIBE_PROJECT_VERSIONS) -> RawPage:
    """Items are texts, or are made into some."""
    texts = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in items]
    body = f'{{"{RESULT_KEYS[operation]}": [{", ".join(texts)}]}}'
    return RawPage(operation, "arn:p", 1, number, 200, SEEN, "id", body.encode())


def text(number: int, members: str = "") -> str:
    return f'{{"ProjectVersionArn": "{arn(number)}"{members}}}'


def both_ways(monkeypatch: pytest.MonkeyPatch, *pages: RawPage, operation: str = DESCRIBE_PROJECT_VERSIONS) -> Flat:
    """Flatten; what comes must be what the JSON reader alone makes of it."""
    flat = flatten(operation, SCOPE, pages)
    with monkeypatch.context() as alone:
        alone.setattr(descriptions.uniform, "read", lambda pages, _: (None, list(pages)))
        other = flatten(operation, SCOPE, pages)
    assert (other.tables, other.unknown) == (flat.tables, flat.unknown)
    assert [*map(str, other.problems)] == [*map(str, flat.problems)]
    return flat


def only_cut(monkeypatch: pytest.MonkeyPatch, *pages: RawPage, operation: str = DESCRIBE_PROJECT_VERSIONS) -> Flat:
    """Flatten both ways; the JSON reader must not have been needed."""
    with monkeypatch.context() as guarded:
        guarded.setattr(descriptions, "read", lambda *_: pytest.fail("had to be read as JSON"))
        flatten(operation, SCOPE, pages)
    return both_ways(monkeypatch, *pages, operation=operation)


def values(flat: Flat, column: str, name: str = "project_versions") -> list[Any]:
    return flat.tables[name].column(column).to_pylist()


def asset(key: str) -> dict[str, Any]:
    return {"GroundTruthManifest": {"S3Object": {"Bucket": "b", "Name": key}}}


def many_shapes(count: int) -> list[str]:
    """Texts each with a number of assets of its own."""
    bodies = [json.dumps({"Input": {"Assets": [asset("k")] * number}}) for number in range(count)]
    return [text(0, f', "Status": "{number}", "TrainingDataResult": {body}') for number, body in enumerate(bodies)]


def test_texts_of_several_shapes_are_cut_up_and_stay_in_their_order(monkeypatch: pytest.MonkeyPatch):
    items = [
        {"ProjectVersionArn": arn(3), "Status": "RUNNING", "CreationTimestamp": 1690556751.958},
        {"ProjectVersionArn": arn(1), "Status": "", "CreationTimestamp": 5},
        {"ProjectVersionArn": arn(2), "EvaluationResult": {"F1Score": 1e-3}, "KmsKeyId": None},
        {"ProjectVersionArn": arn(5), "TestingDataResult": {"Output": {"AutoCreate": True}}},
        {"ProjectVersionArn": arn(4), "TestingDataResult": {"Output": {"AutoCreate": False}}},
        {
            "ProjectVersionArn": arn(6),
            "StatusMessage": "Größe: {1, 2}, [3]: 5",
            "BillableTrainingTimeInSeconds": 2**64 - 1,
        },
    ]
    flat = only_cut(monkeypatch, page(*items[:4]), page(*items[4:], number=2))
    assert values(flat, "project_version_arn") == [arn(number) for number in range(1, 7)]
    assert values(flat, "status") == ["", None, "RUNNING", None, None, None]
    assert values(flat, "f1_score") == [None, 0.001, None, None, None, None]
    assert values(flat, "testing_output_auto_create") == [None, None, None, False, True, None]
    assert values(flat, "billable_training_seconds")[5] == 2**64 - 1
    assert values(flat, "status_message")[5] == items[5]["StatusMessage"]


def test_lists_of_any_length_become_rows(monkeypatch: pytest.MonkeyPatch):
    def version(number: int, *lengths: int) -> dict[str, Any]:
        lists = [
            [asset(f"{number}/{which}/{place}") for place in range(length)] for which, length in enumerate(lengths)
        ]
        return {
            "ProjectVersionArn": arn(number),
            "TrainingDataResult": {"Input": {"Assets": lists[0]}, "Output": {"Assets": lists[1]}, "Validation": {}},
            "TestingDataResult": {"Output": {"Assets": lists[2]}},
        }

    flat = only_cut(
        monkeypatch, page(version(2, 2, 0, 1), version(1, 0, 0, 0), version(4, 1, 3, 0), version(3, 2, 0, 1))
    )
    rows = flat.tables["version_assets"].to_pylist()
    assert [(row["project_version_arn"][-1], row["data_result"], row["stage"], row["asset_index"]) for row in rows] == [
        ("2", "testing", "output", 0),
        ("2", "training", "input", 0),
        ("2", "training", "input", 1),
        ("3", "testing", "output", 0),
        ("3", "training", "input", 0),
        ("3", "training", "input", 1),
        ("4", "training", "input", 0),
        ("4", "training", "output", 0),
        ("4", "training", "output", 1),
        ("4", "training", "output", 2),
    ]
    assert [row["key"] for row in rows[:3]] == ["2/2/0", "2/0/0", "2/0/1"]
    assert values(flat, "training_input_count") == [0, 2, 2, 1]


def test_projects_and_their_datasets_are_cut_up(monkeypatch: pytest.MonkeyPatch):
    projects = [
        {"ProjectArn": f"arn:{name}", "Datasets": [{"DatasetArn": f"d:{name}", "CreationTimestamp": 1.5}]}
        for name in "ab"
    ]
    flat = only_cut(monkeypatch, page(*projects, operation=DESCRIBE_PROJECTS), operation=DESCRIBE_PROJECTS)
    assert values(flat, "dataset_arn", "datasets") == ["d:a", "d:b"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (', "Status": "A", "KmsKeyId": "B"', ', "KmsKeyId": "B", "Status": "A"'),
        (', "Status": "A", "KmsKeyId": "B"', ', "Status": "A", "VersionDescription": "B"'),
        (', "MinInferenceUnits": 5, "Status": "A"', ', "MaxInferenceUnits": 5, "Status": "A"'),
        (', "MinInferenceUnits": 5, "Status": "A"', ', "MinInferenceUnits": null, "Status": "A"'),
        (', "MinInferenceUnits": 5, "Status": "A"', ', "MinInferenceUnits":  5, "Status": "A"'),
        (', "MinInferenceUnits": 5, "Status": "A"', ',"MinInferenceUnits":5,"Status":"A"'),
        (', "MinInferenceUnits": 55, "Status": "A"', ', "MinInferenceUnits":5, "Status": "A"'),
        (', "TrainingDataResult": {"Input": {"Assets": []}}', ', "TrainingDataResult": {"Input": {"Assets": [{}]}}'),
        (', "TrainingDataResult": {"Input": {"Assets": []}}', ', "TrainingDataResult": {"Input": {}}, "Status": null'),
        (
            ', "OutputConfig": {"S3Bucket": "b"}, "Status": "A"',
            ', "OutputConfig": {"S3Bucket": "b", "S3KeyPrefix": "A"}',
        ),
        (', "EvaluationResult": {"F1Score": 1}', ', "EvaluationResult": {"F1Score": null}'),
        (', "EvaluationResult": {"F1Score": 1}', ', "EvaluationResult": {"F1Score": -0.0}'),
        (', "EvaluationResult": {"F1Score": 1}', ', "EvaluationResult": {"F1Score": 1E-7}'),
    ],
)
def test_a_text_is_not_taken_for_another_shape(monkeypatch: pytest.MonkeyPatch, first: str, second: str):
    for pair in ((first, second), (second, first)):
        matching.memory_of.cache_clear()
        only_cut(monkeypatch, page(text(1, pair[0]), text(2, pair[1]), text(3, pair[0])))


@pytest.mark.parametrize(
    "members",
    [
        ', "Novelty": 1, "Novelty": 2',
        ', "Status": 5',
        ', "Status": true',
        ', "Status": {}',
        ', "Status": ["A"]',
        ', "MinInferenceUnits": "5"',
        ', "MinInferenceUnits": true',
        ', "MinInferenceUnits": 1.5',
        ', "MinInferenceUnits": 9223372036854775808',
        ', "BillableTrainingTimeInSeconds": -1',
        ', "CreationTimestamp": 1e300',
        ', "CreationTimestamp": "2026-01-01"',
        ', "EvaluationResult": {"F1Score": 1e999}',
        ', "EvaluationResult": []',
        ', "EvaluationResult": {"F1Score": false}',
        ', "TestingDataResult": {"Input": {"AutoCreate": 1}}',
        ', "TestingDataResult": {"Input": {"AutoCreate": "true"}}',
        ', "TestingDataResult": {"Input": {"Assets": {}}}',
        ', "TestingDataResult": {"Input": {"Assets": [5]}}',
        ', "TestingDataResult": {"Input": {"Assets": [{"New": 1, "New": 1}]}}',
        ', "reklake:extra": "x"',
        ', "Status": "A", "Status": "B"',
        ', "VersionDescription": "a \\"quoted\\" word"',
        ', "VersionDescription": "\\u00e4"',
    ],
)
def test_what_columns_do_not_take_as_it_is_is_read_otherwise(monkeypatch: pytest.MonkeyPatch, members: str):
    odd, plain = text(2, members), ', "MinInferenceUnits": 5, "TestingDataResult": {"Input": {"AutoCreate": false}}'
    flat = both_ways(monkeypatch, page(text(1, plain), odd, text(3, plain)), page(text(4, plain), number=2))
    assert values(flat, "min_inference_units")[::2] == [5, 5]
    both_ways(monkeypatch, page(odd), page(text(1, plain), number=2))


@pytest.mark.parametrize(
    ("members", "extra", "unknown"),
    [
        (', "Novelty": 1', '{"Novelty":1}', 1),
        (', "Novelty": null', '{"Novelty":null}', 1),
        (', "Novelty" : [1, "x", {"a": "b"}]  ', '{"Novelty":[1,"x",{"a":"b"}]}', 1),
        (', "Novelty": {}, "Status": "A", "Other": "ä"', '{"Novelty":{},"Other":"ä"}', 2),
        (', "Novelty": [1.50, 1e999, 12345678901234567890123]', '{"Novelty":[1.5,"1e999",12345678901234567890123]}', 1),
        (', "Novelty": {"a": 1, "a": 2}', '{"Novelty":{"a":2}}', 1),
        (', "a.b": 1, "": "x"', '{"a.b":1,"":"x"}', 2),
        (', "EvaluationResult": {"F1Score": 0.5, "Recall": 0.25}', '{"EvaluationResult":{"Recall":0.25}}', 1),
        (', "EvaluationResult": {"Summary": {"S3Object": {"New": 1}}, "Recall": 0}, "Z": 1',
         '{"EvaluationResult":{"Summary":{"S3Object":{"New":1}},"Recall":0},"Z":1}', 3),
    ],
)  # fmt: skip
def test_members_that_nobody_declared_are_cut_up_too(
    monkeypatch: pytest.MonkeyPatch, members: str, extra: str, unknown: int
):
    flat = only_cut(monkeypatch, page(text(1), text(2, members)), page(text(3, members), number=2))
    assert values(flat, "extra") == [None, extra, extra]
    assert flat.unknown == 2 * unknown


def test_so_are_those_of_nested_items(monkeypatch: pytest.MonkeyPatch):
    def members(*news: str) -> str:
        assets = ", ".join(f'{{"GroundTruthManifest": {{"S3Object": {{"Bucket": "b"{new}}}}}}}' for new in news)
        return f', "TrainingDataResult": {{"Input": {{"Assets": [{assets}]}}}}'

    texts = [text(1, members("", ', "New": "x"')), text(2, members(', "New": 1', "")), text(3, members("", ""))]
    flat = only_cut(monkeypatch, page(*texts))
    new = '{{"GroundTruthManifest":{{"S3Object":{{"New":{}}}}}}}'
    assert values(flat, "extra", "version_assets") == [None, new.format('"x"'), new.format(1), None, None, None]
    assert flat.unknown == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('{"a": "b"}', '1, "M": "b"'),
        ('{"a": ["b", "c"]}', '[], "M": ["b", "c"]'),
        ('["", "", ""]', '1, "M": {"b": "c"}'),
    ],
)
def test_what_stands_in_the_place_of_such_a_member_must_be_its_value(
    monkeypatch: pytest.MonkeyPatch, first: str, second: str
):
    """As many quotes, and equal in all that is compared: but what is left are two members, not the value of one."""
    assert first.count('"') == second.count('"')
    flat = both_ways(monkeypatch, page(*(text(1, f', "N": {news}, "Status": "X"') for news in (first, second))))
    assert flat.unknown == 3


def test_what_nobody_declared_is_counted_on_all_pages_however_they_are_read(monkeypatch: pytest.MonkeyPatch):
    cut, read = (
        page(text(n, ', "N": 1'), text(n + 2, more), number=n) for n, more in ((1, ""), (2, ', "Status": "\\n"'))
    )
    assert both_ways(monkeypatch, cut, read).unknown == 2
    assert both_ways(monkeypatch, cut, page(number=2)).unknown == 1


@pytest.mark.parametrize("depth", [100, 900, 3000])
def test_what_nobody_declared_may_be_deep(monkeypatch: pytest.MonkeyPatch, depth: int):
    deep = text(1, f', "N": {"[" * depth}{"]" * depth}')
    flat = both_ways(monkeypatch, page(deep), page(text(2), number=2))
    assert flat.unknown == (depth < 1000)
    assert len(flat.problems) == (depth > 1000)


def test_a_value_of_another_kind_is_not_taken_for_one_of_the_shape(monkeypatch: pytest.MonkeyPatch):
    """The outlines of the texts are equal."""
    plain = text(1, ', "Status": "A", "MinInferenceUnits": 5')
    for members in (', "Status": 5, "MinInferenceUnits": 5', ', "Status": 5, "MinInferenceUnits": "A"'):
        odd = page(text(2, members), number=2)
        flat = both_ways(monkeypatch, page(plain), odd)
        assert values(flat, "status") == ["A", None]
        matching.memory_of.cache_clear()
        also = page(text(3, ', "Status": "A", "MinInferenceUnits": 5'), text(4), number=3)  # or most would be odd
        assert uniform.read([page(plain), odd, also], VERSIONS)[1] == [odd]


def test_a_body_that_is_no_utf8_is_a_problem_whatever_its_shape(monkeypatch: pytest.MonkeyPatch):
    good, bad = page(text(1, ', "Status": "A"')), page(text(2, ', "Status": "B"'), number=2)
    bad = replace(bad, body=bad.body.replace(b'"B"', b'"\xff"'))
    flat = both_ways(monkeypatch, good, bad)
    assert values(flat, "status") == ["A"]
    assert "page 2" in str(*flat.problems)


@pytest.mark.parametrize(
    "datasets",
    [
        [{"DatasetArn": "d"}, {"DatasetArn": "d"}],
        [{"DatasetArn": ""}],
        [{"DatasetArn": None}],
        [{}],
        [{"DatasetArn": "d", "CreationTimestamp": 1e300}],
    ],
)
def test_datasets_that_cannot_be_rows_are_left_to_the_careful_way(monkeypatch: pytest.MonkeyPatch, datasets: Any):
    projects = page({"ProjectArn": "arn:a", "Datasets": datasets}, operation=DESCRIBE_PROJECTS)
    flat = both_ways(monkeypatch, projects, operation=DESCRIBE_PROJECTS)
    assert flat.unknown == 1


@pytest.mark.parametrize("item", ["5", "null", "[]", '"ProjectVersionArn"', "{}", '{"ProjectVersionArn": ""}'])
def test_an_item_that_is_none_is_a_problem_of_its_page(monkeypatch: pytest.MonkeyPatch, item: str):
    flat = both_ways(monkeypatch, page(text(1)), page(text(2), item, text(3), number=2))
    assert values(flat, "project_version_arn") == [arn(1), arn(2), arn(3)]
    (problem,) = flat.problems
    assert "page 2" in str(problem)
    assert "item 1" in str(problem)


def test_of_an_item_on_two_pages_the_later_counts_however_they_are_read(monkeypatch: pytest.MonkeyPatch):
    cut = text(1, ', "Status": "A"')
    for other, status in ((text(1, ', "Status": "B"'), "B"), (text(1, ', "Status": "C", "Novelty": 1'), "C")):
        assert values(both_ways(monkeypatch, page(cut), page(other, number=2)), "status") == [status]
        assert values(both_ways(monkeypatch, page(other), page(cut, number=2)), "status") == ["A"]


def test_only_items_that_need_it_are_read_otherwise(monkeypatch: pytest.MonkeyPatch):
    read = []
    real = reader.read
    monkeypatch.setattr(descriptions, "read", lambda pages, *more: read.extend(pages) or real(pages, *more))
    pages = [page(text(number), number=number) for number in range(9)]
    pages[4] = page(text(4), text(9, ', "Status": 1'), number=4)
    pages[5] = page(text(5), text(10, ', "VersionDescription": "a \\"word\\""'), text(11), number=5)
    pages[7] = page(number=7)
    flat = flatten(DESCRIBE_PROJECT_VERSIONS, SCOPE, pages)
    assert [json.loads(one.body)["ProjectVersionDescriptions"] for one in read] == [
        [{"ProjectVersionArn": arn(9), "Status": 1}],
        [{"ProjectVersionArn": arn(10), "VersionDescription": 'a "word"'}],
        [],
    ]
    assert [one.page_number for one in read] == [4, 5, 7]
    assert sorted(values(flat, "project_version_arn")) == sorted(arn(number) for number in range(12) if number != 7)
    assert flat.unknown == 1


def test_a_problem_names_the_items_place_on_its_page(monkeypatch: pytest.MonkeyPatch):
    pages = [page(text(1), text(2), '{"Status": "A"}', number=1), page(text(3), number=2)]
    flat = both_ways(monkeypatch, *pages)
    assert "item 2 of ProjectVersionDescriptions has no ProjectVersionArn" in str(flat.problems[0])
    assert len(flat.arns) == 3


@pytest.mark.parametrize(
    "pages",
    [
        [page(*many_shapes(matching.SHAPES + 1))],
        [page(text(1)), page(text(2, ', "VersionDescription": "\\n"'), number=2)],
    ],
    ids=["too many shapes", "most pages have to be read otherwise"],
)
def test_what_is_not_uniform_is_not_tried_for_a_while(monkeypatch: pytest.MonkeyPatch, pages: list[RawPage]):
    both_ways(monkeypatch, *pages)
    with monkeypatch.context() as alone:
        alone.setattr(uniform, "texts_of", lambda *_: pytest.fail("was tried"))
        for _ in range(matching.PASSED_OVER):
            flatten(DESCRIBE_PROJECT_VERSIONS, SCOPE, [page(text(1))])
    only_cut(monkeypatch, page(text(1)))


def test_more_texts_may_have_more_shapes(monkeypatch: pytest.MonkeyPatch):
    count = matching.SHAPES + 2
    only_cut(monkeypatch, page(*many_shapes(count) * matching.FEWEST_TEXTS))


def test_no_more_shapes_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(matching, "REMEMBERED", 3)
    for one in many_shapes(9):
        only_cut(monkeypatch, page(one))
        assert len(matching.memory_of(DESCRIBE_PROJECT_VERSIONS).shapes) <= 3


def test_texts_that_are_too_long_for_one_run_are_read_otherwise(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(uniform, "MOST_BYTES", 10)
    assert uniform.read([page(text(1))], VERSIONS)[0] is None


def test_what_a_shape_is():
    shape = learn(b'{"ProjectVersionArn":"a","Status":null,"MinInferenceUnits":12}', VERSIONS)
    assert bytes(shape.fixed) == b'{"ProjectVersionArn":"","Status":null,"MinInferenceUnits":}'
    assert shape.widths.tolist() == [22, 36, 1]
    paths = [*paths_of(VERSIONS.root)]
    found = {path: number for path, number in zip(paths, shape.values.tolist(), strict=True) if number != NOWHERE}
    assert found == {"ProjectVersionArn": 0, "MinInferenceUnits": 1}


def test_an_outline_is_what_texts_of_one_shape_share():
    one, other = (f'{{"A": "x{number}", "B": {number}.5e3, "C": {{"D": true}}}}'.encode() for number in (1, 22))
    assert outline(one) == outline(other)
    assert outline(one) != outline(one.replace(b'"C"', b'"E"'))


@pytest.mark.parametrize("said", [b"[" * 100_000, b'{"MinInferenceUnits": 1}', b"5"])
def test_what_has_no_shape(said: bytes):
    with pytest.raises(UnfitError):
        learn(said, VERSIONS)


def test_pages_without_items_are_no_reason_not_to_try(monkeypatch: pytest.MonkeyPatch):
    both_ways(monkeypatch, *(page(number=number) for number in range(5)))
    both_ways(monkeypatch, page(text(1)), *(page(number=number) for number in range(2, 5)))
    only_cut(monkeypatch, page(text(1)))
