"""A hospital's own rules: what a schema may not have, and at which field each of its faults is said."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from app.core.errors import InvalidValue
from app.domain.patients.form_rules import find_faults, parse_schema
from app.domain.patients.models import Sex
from app.domain.patients.rules import PatientDetails

CHILD = PatientDetails("An", date(2020, 1, 1), Sex.MALE, phone="+84912345678")
TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    "text",
    [
        "[]", "{", '"x"', '{"$ref": "https://example.vn/x.json"}', '{"$ref": "#"}', '{"$id": "x"}',
        '{"allOf": [{"$dynamicRef": "#x"}]}', '{"$schema": "http://json-schema.org/draft-07/schema#"}',
        '{"properties": {"salary": {}}}', '{"required": ["salary"]}', '{"required": "phone"}', '{"type": "name"}',
        '{"properties": {"phone": {"pattern": "(a+)+$"}}}', '{"properties": {"phone": {"pattern": ".*.*.*x"}}}',
        '{"properties": {"phone": {"pattern": "["}}}', '{"properties": {"phone": {"x-message": 5}}}',
        '{"patternProperties": {"x": {}}}', '{"not":' * 40 + "{}" + "}" * 40, "[" * 5000,
        '{"title": "' + "x" * 30_000 + '"}', '{"dependentRequired": {"salary": ["phone"]}}',
        '{"dependentRequired": {"phone": ["salary"]}}', '{"required": [5]}', '{"title": "\\u0000"}',
        '{"title": "\\ud800"}', '{"properties": {"age": {"minimum": NaN}}}',
        '{"properties": {"age": {"maximum": 1e999}}}',
    ],
)  # fmt: skip
def test_what_fetches_refers_or_may_be_slow_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_schema(text)
    assert refused.value.field == "schema"


@pytest.mark.parametrize(
    ("schema", "faults"),
    [
        ({}, []),
        ({"required": ["phone"]}, []),
        ({"required": ["email", "street"], "x-message": "Cần có"}, [("email", "Cần có"), ("street", "Cần có")]),
        ({"properties": {"full_name": {"minLength": 4, "x-message": "Ngắn"}}}, [("full_name", "Ngắn")]),
        ({"properties": {"age": {"minimum": 16, "x-message": "Trẻ"}}}, [("born_on", "Trẻ")]),
        (
            {"if": {"properties": {"age": {"maximum": 15}}}, "then": {"required": ["street"], "x-message": "Địa chỉ"}},
            [("street", "Địa chỉ")],
        ),
        ({"dependentRequired": {"phone": ["email"]}, "x-message": "Thư"}, [("email", "Thư")]),
        ({"not": {"required": ["phone"]}, "x-message": "Không"}, [(None, "Không")]),
    ],
)
def test_each_fault_is_said_at_its_field(schema: dict[str, Any], faults: list[tuple[str | None, str]]) -> None:
    found = find_faults(parse_schema(json.dumps(schema)), CHILD, TODAY)
    assert [(fault.field, str(fault.message)) for fault in found] == faults


@pytest.mark.parametrize(
    "pattern",
    [
        "a?" * 30 + "a" * 30, "(a|a)(a|a)(a|a)", r"\\+a+b+", "a{0,9}b?c*", "[a]?" * 3, r"(\))+", "([)])+", "(a){2}",
        "(a?){2,}", r"(a)\1", "(?:a)", "(?i)a", "^(a|b|(c|d))(e|f)$", "a" * 201, "a{99999999999}", "(a", "[a",
    ],
)  # fmt: skip
def test_a_pattern_that_a_text_may_make_slow_is_refused_without_trying_it(pattern: str) -> None:
    with pytest.raises(InvalidValue):
        parse_schema(json.dumps({"properties": {"phone": {"pattern": pattern}}}))


@pytest.mark.parametrize(
    "pattern",
    [r"^\d{10}$", r"^(DN|HS|GD|TE)\d{13}$", "[*+?|]{3}a+", "[]*+?]*a", "a*?b+", r"\?\*\+\|\)\(a?b?", "a{2}b{3}"],
)
def test_a_pattern_with_at_most_two_open_choices_is_taken(pattern: str) -> None:
    assert parse_schema(json.dumps({"properties": {"phone": {"pattern": pattern}}}))


@pytest.mark.parametrize("rule", [{"dependentRequired": {"phone": ["salary"]}}, {"required": ["salary", "age"]}])
def test_a_rule_that_stands_with_an_unknown_name_is_said_of_the_form_and_breaks_nothing(rule: dict[str, Any]) -> None:
    assert [fault.field for fault in find_faults(rule, CHILD, TODAY)] == [None]
