"""
Bounds of an event's properties: the bound itself passes, one more is rejected, and the error names the property.
"""

import json
from decimal import Decimal

import pytest

from billing.metering.ingest.property_limits import MAX_CHARACTERS, MAX_KEYS, MAX_LEVELS, find_flaw
from plans.aggregation.json_numbers import OutOfBoundsNumber


def nested(levels, inner=1):
    """Return an object whose innermost value is `levels` objects deep."""
    for _ in range(levels):
        inner = {"a": inner}
    return inner


ACCEPTED = [
    # properties                                   why
    ({},                                           "none at all"),
    ({str(n): n for n in range(MAX_KEYS)},        "as many keys as allowed"),
    ({"a": "x" * MAX_CHARACTERS},                 "as long a text as allowed"),
    ({"k" * 200: 1},                               "as long a key as allowed"),
    ({"a": 10**38 - 1},                            "38 digits"),
    ({"a": Decimal("1e-38")},                      "38 decimal places"),
    (nested(MAX_LEVELS),                          "as deep as allowed"),
    ({"a": [1] * 1000},                            "as long a list as allowed"),
    ({"a": [True, None, "ü", "🙂", {"b": []}]},     "whatever JSON has"),
]  # fmt: skip


@pytest.mark.parametrize(("properties", "why"), ACCEPTED)
def test_properties_within_the_bounds_are_accepted(properties, why):
    assert find_flaw(properties, has_nul=False) is None, why
    assert find_flaw(properties, has_nul=True) is None, f"{why}, in a body with a NUL elsewhere"


REFUSED = [
    # properties                              field            reason
    ({str(n): n for n in range(129)},         "properties",    "129 keys; at most 128"),
    ({"a": "x" * 4097},                       "properties.a",  "4,097 characters; at most 4,096"),
    ({"k" * 201: 1},                          "properties",    "a key is longer than 200 characters"),
    ({"a": {"k" * 201: 1}},                   "properties.a",  "a key is longer than 200 characters"),
    ({"a": 10**38},                           "properties.a",  "more than 38 digits"),
    ({"a": [-(10**38)]},                      "properties.a",  "more than 38 digits"),
    ({"a": OutOfBoundsNumber("1e400")},                 "properties.a",  "1e400… is out of range"),
    ({"a": {"b": [OutOfBoundsNumber("1e-99")]}},        "properties.a",  "1e-99… is out of range"),
    (nested(MAX_LEVELS, inner={"z": 1}),     "properties.a",  "nested too deeply; at most 16 levels"),
    (nested(MAX_LEVELS, inner=[]),           "properties.a",  "nested too deeply; at most 16 levels"),
    ({"a": [1] * 1001},                       "properties.a",  "1001 elements; at most 1,000"),
    ({"a": {str(n): n for n in range(1001)}}, "properties.a",  "1001 elements; at most 1,000"),
    ({"a": ["x" * 4097]},                     "properties.a",  "4,097 characters"),
]  # fmt: skip


@pytest.mark.parametrize(("properties", "field", "reason"), REFUSED)
def test_properties_beyond_a_bound_are_rejected_by_name(properties, field, reason):
    flaw = find_flaw(properties, has_nul=False)

    assert flaw is not None
    assert flaw[0] == field
    assert reason in flaw[1]


NULS = [
    # properties                   field
    ({"a": "x\0y"},                "properties.a"),
    ({"a\0b": 1},                  "properties"),
    ({"a": ["\0"]},                "properties.a"),
    ({"a": {"b": {"c": "\0"}}},    "properties.a"),
    ({"a": {"\0": 1}},             "properties.a"),
]  # fmt: skip


@pytest.mark.parametrize(("properties", "field"), NULS)
def test_a_character_that_postgresql_can_not_store_is_rejected_anywhere(properties, field):
    flaw = find_flaw(properties, has_nul=b"\\u0000" in json.dumps(properties).encode())

    assert flaw is not None
    assert flaw[0] == field
    assert "U+0000" in flaw[1]
