"""Rules between the fields of a request's object: checked by the same JSON Schema that declares them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from rest_framework import serializers

Schema = dict[str, Any]


def given(name: str, *values: Any) -> Schema:
    """Return the schema of an object that has a field, with one of the values if there are some; null is no value."""
    # `enum` would be taken for the field's own by drf-spectacular, which names enumerations.
    value = {"anyOf": [{"const": str(value) if isinstance(value, str) else value} for value in values]}
    return {"required": [name], "properties": {name: value if values else {"not": {"type": "null"}}}}


def one_of(*names: str) -> Schema:
    """Return the schema of an object that has exactly one of the fields."""
    return {"oneOf": [given(name) for name in names]}


def any_of(*names: str) -> Schema:
    """Return the schema of an object that has at least one of the fields."""
    return {"anyOf": [given(name) for name in names]}


def all_or_none(*names: str) -> Schema:
    """Return the schema of an object that has all of the fields or none."""
    return {"anyOf": [{"allOf": [given(name) for name in names]}, {"not": any_of(*names)}]}


def not_both(first: Schema, second: Schema) -> Schema:
    """Return the schema of an object that does not fit two schemas at once."""
    return {"not": {"allOf": [first, second]}}


def only_if(condition: Schema, *names: str) -> Schema:
    """Return the schema of an object that has none of the fields unless it fits the condition."""
    return {"anyOf": [condition, {"not": any_of(*names)}]}


def needs(condition: Schema, name: str) -> Schema:
    """Return the schema of an object that has a field if it fits the condition."""
    return {"anyOf": [{"not": condition}, given(name)]}


@dataclass(frozen=True, slots=True)
class FieldRule:
    """
    A rule between fields.

    schema: of the object. field, message: of the fault if an object doesn't fit. The rule sees texts, whole numbers,
        truth values and the length of a list; of another value, only that it is given.
    """

    schema: Schema
    field: str
    message: str

    def check(self, values: Mapping[str, Any]) -> None:
        """
        Check the parsed values of the fields, with defaults.

        :raises serializers.ValidationError: if they break the rule.
        """
        if not fits(self.schema, {name: _comparable(value) for name, value in values.items()}):
            raise serializers.ValidationError({self.field: [self.message]})


def fits(schema: Schema, values: Mapping[str, Any]) -> bool:
    """Return whether an object fits a schema."""
    return bool(Draft202012Validator(schema).is_valid(values))


def _comparable(value: Any) -> Any:
    if isinstance(value, list):
        return [{}] * len(value)
    return value if isinstance(value, str | int | None) else {}


def rules_schema(rules: Iterable[FieldRule]) -> Schema:
    """Return the keywords that declare rules in the schema of their object."""
    schemas = [rule.schema for rule in rules]
    return {"allOf": schemas} if schemas else {}
