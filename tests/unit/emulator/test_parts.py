"""The small parts: random values, pages and tokens, quota, checks of requests, accounts."""

from __future__ import annotations

import pytest

from pipeline.emulator import key_for
from pipeline.emulator.accounts import account_in_key
from pipeline.emulator.json_protocol import ExponentFloat, encode, epoch_seconds
from pipeline.emulator.pagination import Listing, Paginator, Position
from pipeline.emulator.quota import Quota
from pipeline.emulator.random_stream import RandomStream
from pipeline.emulator.request import name_in_arn, problems

ARN = "arn:aws:rekognition:us-east-1:111122223333:project/p/1690474772815"


def test_random_values_depend_on_the_key_alone():
    assert [RandomStream("a", 1).below(1000) for _ in range(3)] == [RandomStream("a", 1).below(1000)] * 3
    assert RandomStream("a", 1).hexadecimal(40) != RandomStream("a", 2).hexadecimal(40)
    assert RandomStream("a", "b").below(1 << 60) != RandomStream("ab").below(1 << 60)


def test_random_values_cover_their_range_and_outlast_one_digest():
    stream = RandomStream("long")
    drawn = [stream.below(10) for _ in range(2000)]
    assert set(drawn) == set(range(10))
    assert all(150 < drawn.count(value) < 250 for value in range(10))
    assert len(RandomStream("hex").hexadecimal(12)) == 12
    assert {RandomStream("w", i).weighted((("a", 1), ("b", 0))) for i in range(50)} == {"a"}


def test_timestamps_are_numbers_with_milliseconds_or_an_exponent():
    assert encode(epoch_seconds(1579628950911)) == b"1579628950.911"
    assert encode([epoch_seconds(1579628950911, exponent=True)]) == b"[1.579628950911E9]"
    assert encode(epoch_seconds(2_000_000_000_000, exponent=True)) == b"2.0E9"
    assert ExponentFloat(1.5) == 1.5


def test_a_value_without_json_is_refused():
    with pytest.raises(TypeError, match="object cannot be written"):
        encode(object())


def test_a_token_gives_its_position_back_and_only_in_its_own_listing():
    paginator = Paginator(1)
    token = paginator.token("listing", Position(200, 3, after_empty=True))
    assert paginator.position("listing", token) == Position(200, 3, after_empty=True)
    assert Paginator(1).position("listing", token) == Position(200, 3, after_empty=True)
    assert paginator.position("listing", None) == Position()
    assert paginator.position("another", token) is None
    assert Paginator(2).position("listing", token) is None
    for bad in ("", "AAAA", "not base64!", token[:-4], "é"):
        assert paginator.position("listing", bad) is None


def test_the_last_token_is_absent_or_empty_by_listing():
    bodies = [Paginator(0).page(Listing(f"l{i}", "Items", [i], 10), Position(), None, None) for i in range(40)]
    assert all(body.startswith(b'{"Items":[%d]' % i) for i, body in enumerate(bodies))
    assert 10 < sum(body.endswith(b',"NextToken":""}') for body in bodies) < 30
    assert 10 < sum(body.endswith(b"]}") for body in bodies) < 30


def test_a_quota_allows_a_second_s_worth_and_then_its_rate():
    quota = Quota(5.0)
    assert [quota.allows("a", 100.0) for _ in range(6)] == [True] * 5 + [False]
    assert not quota.allows("a", 100.1)
    assert quota.allows("a", 100.2)
    assert [quota.allows("a", 1000.0) for _ in range(6)] == [True] * 5 + [False]


def test_a_slow_quota_still_allows_one_call():
    quota = Quota(0.5)
    assert [quota.allows("a", now) for now in (0.0, 1.0, 2.0, 3.9, 4.0)] == [True, False, True, False, True]


def test_quotas_are_counted_apart_and_can_be_absent():
    quota = Quota(1.0)
    assert [quota.allows(key, 0.0) for key in ("a", "a", "b")] == [True, False, True]
    assert all(Quota(None).allows("a", 0.0) for _ in range(100))


def test_names_in_arns():
    version = "arn:aws:rekognition:us-east-1:111122223333:project/version/version/project/1690474772815"
    assert (name_in_arn(version, "project"), name_in_arn(version, "version")) == ("version", "project")
    assert (name_in_arn(ARN, "project"), name_in_arn(ARN, "version")) == ("p", None)
    assert name_in_arn("arn:aws:s3:::bucket", "project") is None


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "'projectArn' failed to satisfy constraint: Member must not be null"),
        ({"ProjectArn": "nonsense"}, "length greater than or equal to 20"),
        ({"ProjectArn": ARN + "x"}, "regular expression pattern"),
        ({"ProjectArn": 7}, "Member must be of type string"),
        ({"ProjectArn": ARN, "MaxResults": 101}, "'maxResults' failed"),
        ({"ProjectArn": ARN, "MaxResults": 0}, "value greater than or equal to 1"),
        ({"ProjectArn": ARN, "MaxResults": True}, "type integer"),
        ({"ProjectArn": ARN, "NextToken": "x" * 1025}, "length less than or equal to 1024"),
        ({"ProjectArn": ARN, "VersionNames": []}, "length greater than or equal to 1"),
        ({"ProjectArn": ARN, "VersionNames": ["ok", "a/b"]}, "'versionNames.2.member'"),
        ({"ProjectArn": ARN, "VersionNames": "v1"}, "type list"),
    ],
)
def test_violated_constraints_are_named(params, words):
    found = problems("DescribeProjectVersions", params)
    assert any(words in problem for problem in found), found


def test_sound_requests_pass_and_unknown_members_are_ignored():
    assert problems("DescribeProjectVersions", {"ProjectArn": ARN, "MaxResults": 100, "Unheard": 1}) == []
    assert problems("DescribeProjects", {"Features": ["CUSTOM_LABELS", "CONTENT_MODERATION"]}) == []
    assert "enum value set" in problems("DescribeProjects", {"Features": ["FACES"]})[0]


def test_a_key_names_its_account():
    assert account_in_key(key_for("555566667777")) == "555566667777"
    assert len(key_for("555566667777")) == 20
    assert account_in_key("testing") is None
