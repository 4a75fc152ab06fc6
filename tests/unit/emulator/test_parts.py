"""The small parts: draws, tokens, quota, cache, validation, accounts."""

from __future__ import annotations

import pytest

from pipeline.emulator import key_for
from pipeline.emulator.accounts import account_in_key
from pipeline.emulator.dice import Dice
from pipeline.emulator.listing import Listing, PageCache, Pager
from pipeline.emulator.quota import Quota, TokenBucket
from pipeline.emulator.tokens import InvalidTokenError, Position, Tokens
from pipeline.emulator.validation import problem_message, problems
from pipeline.emulator.wire import ExponentFloat, encode, epoch_seconds, from_iso

ARN = "arn:aws:rekognition:us-east-1:111122223333:project/p/1690474772815"


def test_draws_depend_on_the_key_alone():
    assert [Dice("a", 1).below(1000) for _ in range(3)] == [Dice("a", 1).below(1000)] * 3
    assert Dice("a", 1).hexadecimal(40) != Dice("a", 2).hexadecimal(40)
    assert Dice("a", "b").below(1 << 60) != Dice("ab").below(1 << 60)


def test_draws_cover_their_range_and_outlast_one_digest():
    dice = Dice("long")
    drawn = [dice.below(10) for _ in range(2000)]
    assert set(drawn) == set(range(10))
    assert all(150 < drawn.count(value) < 250 for value in range(10))
    assert len(Dice("hex").hexadecimal(12)) == 12
    assert {Dice("w", i).weighted((("a", 1), ("b", 0))) for i in range(50)} == {"a"}


def test_timestamps_are_numbers_with_milliseconds_or_an_exponent():
    assert encode(epoch_seconds(1579628950911)) == b"1579628950.911"
    assert encode([epoch_seconds(1579628950911, exponent=True)]) == b"[1.579628950911E9]"
    assert encode(epoch_seconds(2_000_000_000_000, exponent=True)) == b"2.0E9"
    assert ExponentFloat(1.5) == 1.5
    assert from_iso("2023-07-28T08:05:51.958000-07:00") == 1690556751.958


def test_what_is_no_json_is_refused():
    with pytest.raises(TypeError, match="object has no place"):
        encode(object())


def test_tokens_come_back_as_the_position_and_for_their_listing_only():
    tokens = Tokens(1)
    token = tokens.mint("listing", Position(200, 3, after_empty=True))
    assert tokens.read("listing", token) == Position(200, 3, after_empty=True)
    assert Tokens(1).read("listing", token).start == 200
    for listing, other, bad in (("another", tokens, token), ("listing", Tokens(2), token)):
        with pytest.raises(InvalidTokenError):
            other.read(listing, bad)
    for bad in ("", "AAAA", "not base64!", token[:-4], "é"):
        with pytest.raises(InvalidTokenError):
            tokens.read("listing", bad)


def test_a_bucket_gives_a_second_s_worth_and_fills_at_its_rate():
    bucket = TokenBucket(5.0, now=100.0)
    assert [bucket.take(100.0) for _ in range(6)] == [True] * 5 + [False]
    assert not bucket.take(100.1)
    assert bucket.take(100.2)
    assert [bucket.take(1000.0) for _ in range(6)] == [True] * 5 + [False]


def test_a_slow_bucket_still_holds_one():
    bucket = TokenBucket(0.5, now=0.0)
    assert [bucket.take(t) for t in (0.0, 1.0, 2.0, 3.9, 4.0)] == [True, False, True, False, True]


def test_quotas_are_counted_apart_and_can_be_absent():
    quota = Quota(1.0)
    assert [quota.allows(key, 0.0) for key in ("a", "a", "b")] == [True, False, True]
    assert all(Quota(None).allows("a", 0.0) for _ in range(100))


def test_the_cache_keeps_the_latest_pages_within_its_limit():
    made: list[int] = []

    def page(number: int) -> bytes:
        return cache.get(("l", number, 0), lambda: made.append(number) or bytes(40))

    cache = PageCache(100)
    for number in (1, 2, 1, 3, 1, 2):
        page(number)
    assert made == [1, 2, 3, 2]  # 3 pushed out 2, the least recently used
    cache.clear()
    page(1)
    assert made[-1] == 1


@pytest.mark.parametrize(("ending", "expected"), [("absent", {None}), ("empty", {""}), ("vary", {None, ""})])
def test_the_last_page_s_token(ending, expected):
    pager = Pager(Tokens(0), PageCache(0), ending, seed=0)
    bodies = [pager.page(Listing(f"l{i}", "Items", [i]), Position(), 10, None, None) for i in range(40)]
    seen = {"" if body.endswith(b',"NextToken":""}') else None for body in bodies}
    assert seen == expected
    assert all(body.startswith(b'{"Items":[%d]' % i) for i, body in enumerate(bodies))


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


def test_one_message_for_all_problems():
    assert problem_message(["a"]) == "1 validation error detected: a"
    assert problem_message(["a", "b"]) == "2 validation errors detected: a; b"


def test_a_key_names_its_account():
    assert account_in_key(key_for("555566667777")) == "555566667777"
    assert len(key_for("555566667777")) == 20
    assert account_in_key("testing") is None
