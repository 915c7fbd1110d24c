"""Change the metadata and tags of rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model

from lib.audit_log import audited_transaction


def set_labels(
    row: Model,
    *,
    at: datetime,
    metadata: Mapping[str, str] | None = None,
    tags: Sequence[str] | None = None,
    by: User | None = None,
) -> None:
    """
    Store the metadata and the tags of a row, each unless it is None. They are valid: see `lib.labels`.

    row: with its primary key; it may be unsaved, if its table holds nothing but labels.
    """
    given = {"metadata": metadata, "tags": tags}
    columns: dict[str, Any] = {name: labels for name, labels in given.items() if labels is not None}
    if columns:
        with audited_transaction("change labels", by=by, at=at):
            type(row)._base_manager.update_or_create(pk=row.pk, defaults=columns)
