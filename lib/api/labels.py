"""Metadata and tags in requests and responses: docs/api.md#metadata-and-tags."""

import re
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request

from lib.api.fields import PatternField
from lib.api.problems import invalid_field
from lib.labels import KEY, MAX_KEYS, MAX_TAG, MAX_TAGS, MAX_VALUE, TAG, clean_tags, find_problem, merge_metadata

_PARAMETER = re.compile(r"metadata\[(.*)\]", re.DOTALL)

METADATA_SCHEMA = {
    "type": "object",
    "additionalProperties": {"type": ["string", "null"], "maxLength": MAX_VALUE, "pattern": r"^[^\x00]*$"},
    "propertyNames": {"pattern": f"^{KEY}$"},
    "maxProperties": MAX_KEYS,
    "example": {"crm_id": "0061k00000"},
}
"""The schema of metadata in a request; null removes a key."""

FILTER_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "tag",
        "in": "query",
        "description": "Only rows with this tag; repeat it for rows with several tags.",
        "schema": {"type": "string", "pattern": f"^{TAG}$", "maxLength": MAX_TAG},
    },
    {
        "name": "metadata",
        "in": "query",
        "description": "Only rows with these values in their metadata: `metadata[crm_id]=0061k00000`.",
        "style": "deepObject",
        "explode": True,
        "schema": {"type": "object", "additionalProperties": {"type": "string"}},
    },
]


class MetadataObjectField(serializers.Field):  # type: ignore[type-arg]  # its generic takes none at run time
    """
    The metadata of a row; `lib.api.schema.MetadataSchema` describes it.

    A request changes the keys that it sends, as by RFC 7396: null removes a key, other keys stay.
    """

    default_error_messages = {
        "type": "Metadata is an object of texts by key.",
        "count": "The metadata would have {count} keys; {most} are allowed. Remove some with null.",
    }

    def __init__(self, **options: Any) -> None:
        text = f"Your own text by key: up to {MAX_KEYS} keys of 40 characters, values of {MAX_VALUE}."
        super().__init__(**{"required": False, "help_text": text, **options})

    def to_internal_value(self, data: Any) -> dict[str, str]:
        """
        Return the whole metadata, as it is after the change.

        :raises serializers.ValidationError: naming each wrong key.
        """
        if not isinstance(data, dict):
            self.fail("type")
        problems = {
            key[:80]: [problem]
            for key, value in data.items()
            if (problem := find_problem(key, "" if value is None else value))
        }
        if problems:
            raise serializers.ValidationError(problems)
        instance = getattr(self.parent, "instance", None)
        merged = merge_metadata(getattr(instance, "metadata", {}), data)
        if max(len(merged), len(data)) > MAX_KEYS:
            self.fail("count", count=max(len(merged), len(data)), most=MAX_KEYS)
        return merged

    def to_representation(self, value: dict[str, str]) -> dict[str, str]:
        return value


class _TagField(PatternField):
    """One tag."""

    default_error_messages = {
        "tag": "“{given}” can't be a tag: use lower-case letters and digits, with single hyphens or underscores"
        " between them."
    }
    pattern = TAG

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not re.fullmatch(TAG, text):
            self.fail("tag", given=text)
        return text


class TagListField(serializers.ListField):
    """The tags of a row; a request replaces all of them."""

    def __init__(self, **options: Any) -> None:
        text = "Tags to filter by, such as `pilot`; they replace the present ones."
        child = _TagField(max_length=MAX_TAG, trim_whitespace=False)
        defaults = {"child": child, "max_length": MAX_TAGS, "required": False, "help_text": text}
        super().__init__(**{**defaults, **options})

    def to_internal_value(self, data: Any) -> list[str]:
        return clean_tags(super().to_internal_value(data))


def pop_labels(fields: dict[str, Any]) -> dict[str, Any]:
    """Take the metadata and tags out of a validated body, each if it is there."""
    return {name: fields.pop(name) for name in ("metadata", "tags") if name in fields}


def is_label_filter(name: str) -> bool:
    """Return whether a query parameter filters by tag or metadata."""
    return name == "tag" or _PARAMETER.fullmatch(name) is not None


def filter_by_labels(rows: QuerySet[Any], request: Request, *, path: str) -> QuerySet[Any]:
    """
    Return the rows with all tags and metadata of a request's query.

    path: from a row to its labels, such as `labels__`.

    :raises Problem: `invalid-fields`, if a tag or key can't exist.
    """
    for name, values in request.query_params.lists():
        if name == "tag":
            for tag in values:
                if not re.fullmatch(TAG, tag) or len(tag) > MAX_TAG:
                    raise invalid_field(name, f"“{tag[:40]}” can't be a tag.")
            rows = rows.filter(**{f"{path}tags__contains": values})
        elif parameter := _PARAMETER.fullmatch(name):
            for value in values:
                if problem := find_problem(parameter[1], value):
                    raise invalid_field(name[:80], problem)
                rows = rows.filter(**{f"{path}metadata__contains": {parameter[1]: value}})
    return rows
