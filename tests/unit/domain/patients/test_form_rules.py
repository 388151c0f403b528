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
        '{"title": "' + "x" * 30_000 + '"}',
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
