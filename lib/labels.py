"""
Labels of rows: metadata, which is text by key for other systems, and tags, which staff filter by.

Their rules are here alone: forms, the API and the columns of the database all use them:
docs/api.md#metadata-and-tags.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

MAX_KEYS, MAX_KEY, MAX_VALUE = 50, 40, 500
"""Maximum keys of a row's metadata, and characters of a key and of a value."""
MAX_TAGS, MAX_TAG = 20, 40
"""Maximum tags of a row, and characters of a tag."""

KEY = r"[^\s:\[\]\x00-\x1f\x7f](?:[^:\[\]\x00-\x1f\x7f]{0,38}[^\s:\[\]\x00-\x1f\x7f])?"
"""A key: it is part of filters such as `metadata[key]` and of searches such as `key:value`."""
TAG = r"[a-z0-9]+(?:[-_][a-z0-9]+)*"


def validate_metadata(metadata: object) -> None:
    """
    Check metadata as a whole.

    :raises ValidationError: with a sentence for each wrong key, which names the key.
    """
    if not isinstance(metadata, Mapping):
        raise ValidationError(_("Metadata is an object of texts by key."))
    if len(metadata) > MAX_KEYS:
        text = _("There are %(count)s keys; %(most)s are allowed. Remove some.")
        raise ValidationError(text % {"count": len(metadata), "most": MAX_KEYS})
    problems = [problem for key, value in metadata.items() if (problem := find_problem(key, value))]
    if problems:
        raise ValidationError(problems)


def find_problem(key: object, value: object) -> str:
    """Return what is wrong with an entry of metadata, in a sentence that names its key; empty if nothing is."""
    if not isinstance(key, str) or not re.fullmatch(KEY, key):
        text = _("“%(key)s” can't be a key: use 1 to %(most)s characters, none of : [ ], and no spaces at the ends.")
        return text % {"key": str(key)[:80], "most": MAX_KEY}
    if not isinstance(value, str):
        return _("The value of “%(key)s” must be text.") % {"key": key}
    if len(value) > MAX_VALUE:
        text = _("The value of “%(key)s” has %(count)s characters; %(most)s are allowed.")
        return text % {"key": key, "count": len(value), "most": MAX_VALUE}
    return _("The value of “%(key)s” contains U+0000.") % {"key": key} if "\0" in value else ""


def merge_metadata(current: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return metadata with changes applied as by RFC 7396: None removes a key, and other keys stay."""
    merged = {**current, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def validate_tags(tags: Iterable[str]) -> None:
    """
    Check the tags of a row.

    :raises ValidationError: that names the wrong tags.
    """
    tags = list(tags)
    if wrong := [tag for tag in tags if len(tag) > MAX_TAG or not re.fullmatch(TAG, tag)]:
        text = _(
            "“%(tag)s” can't be a tag: use up to %(most)s lower-case letters and digits, with single hyphens or"
            " underscores between them."
        )
        raise ValidationError([text % {"tag": tag[:80], "most": MAX_TAG} for tag in wrong])
    if len(tags) > MAX_TAGS:
        text = _("There are %(count)s tags; %(most)s are allowed. Remove some.")
        raise ValidationError(text % {"count": len(tags), "most": MAX_TAGS})


def clean_tags(tags: Iterable[str]) -> list[str]:
    """Return tags in order, each once."""
    return sorted(set(tags))


class MetadataField(models.JSONField):
    """A column of text by key."""

    def __init__(self, *args: Any, **options: Any) -> None:
        defaults: dict[str, Any] = {
            "verbose_name": gettext_lazy("metadata"),
            "default": dict,
            "db_default": Value({}, models.JSONField()),
            "blank": True,
            "validators": [validate_metadata],
        }
        super().__init__(*args, **defaults | options)


class TagsField(ArrayField):  # type: ignore[type-arg]  # Django's class takes none at run time
    """A column of tags."""

    def __init__(self, *args: Any, **options: Any) -> None:
        defaults: dict[str, Any] = {
            "base_field": models.CharField(max_length=MAX_TAG),
            "verbose_name": gettext_lazy("tags"),
            "default": list,
            "db_default": [],
            "blank": True,
            "validators": [validate_tags],
        }
        super().__init__(*args, **defaults | options)


def label_constraints(subject: str) -> list[models.BaseConstraint]:
    """Return the constraints of a table's metadata and tags. subject: of their names, such as customer."""
    is_text = Func(
        F("metadata"),
        template=(
            "jsonb_typeof(%(expressions)s) = 'object'"
            " AND NOT jsonb_path_exists(%(expressions)s, '$.* ? (@.type() != \"string\")')"
            " AND jsonb_array_length(jsonb_path_query_array(%(expressions)s, '$.keyvalue()', '{}', true))"
            f" <= {MAX_KEYS}"
        ),
        output_field=models.BooleanField(),
    )
    are_slugs = Func(
        F("tags"),
        template=r"array_to_string(%(expressions)s, '/') ~ '^([a-z0-9]+([-_][a-z0-9]+)*(/|$))*$'",
        output_field=models.BooleanField(),
    )
    return [
        models.CheckConstraint(condition=is_text, name=f"{subject}_metadata_is_text_by_key"),
        models.CheckConstraint(condition=Q(are_slugs, tags__len__lte=MAX_TAGS), name=f"{subject}_tags_are_few_slugs"),
    ]


def label_indexes(subject: str) -> list[models.Index]:
    """Return the indexes that find rows by a tag, or by a key of metadata and its value."""
    return [
        GinIndex(fields=["tags"], name=f"{subject}_by_tag"),
        GinIndex(fields=["metadata"], opclasses=["jsonb_path_ops"], name=f"{subject}_by_metadata"),
    ]
