from __future__ import annotations

from botocore.parsers import ResponseParserError

from pipeline.extract.failures import message_of


def test_of_an_answer_that_cannot_be_parsed_only_the_reason_is_shown():
    error = ResponseParserError("Unable to parse response (line 1).\n<SecretAccessKey>x</SecretAccessKey>")
    assert message_of(error) == "Unable to parse response (line 1)."
