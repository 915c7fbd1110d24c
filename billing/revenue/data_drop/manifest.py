"""The manifest: it names the files that together are the tables, and is written after all of them."""

from datetime import datetime
from hashlib import sha256
from io import BytesIO
from typing import Any

import msgspec

from billing.models import DropPart, DropTarget, Job
from billing.revenue.data_drop.parts import TABLES, current_parts, list_sections
from billing.revenue.data_drop.plan import DropPlan
from billing.revenue.data_drop.store import Store
from lib.failpoints import hit_failpoint

VERSION = 1
"""Raised when a reader of manifests would have to change."""

PATH = "manifest.json"


def publish(job: Job, target: DropTarget, *, plan: DropPlan, store: Store, at: datetime) -> int:
    """
    Write the manifest of a target's present parts, and return their number.

    A reader sees the earlier manifest or this one, whose files all exist already.
    """
    _retire(target, plan, at=at)
    content = msgspec.json.format(msgspec.json.encode(_describe(job, target, at=at)))
    store.write(PATH, BytesIO(content), size=len(content), sha256=sha256(content).hexdigest())
    hit_failpoint("drop.published")
    return current_parts(target).exclude(path="").count()


def _retire(target: DropTarget, plan: DropPlan, *, at: datetime) -> None:
    """Take out parts that are not of this drop: of months that were unlocked, and of tables that were removed."""
    wanted = set(list_sections(plan))
    for table, section in set(current_parts(target).values_list("table_name", "section")) - wanted:
        current_parts(target).filter(table_name=table, section=section).update(replaced_at=at)


def _describe(job: Job, target: DropTarget, *, at: datetime) -> dict[str, Any]:
    files: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    parts = current_parts(target).exclude(path="").order_by("table_name", "section", "number")
    for part in parts.iterator():
        files[part.table_name].append(_describe_file(part))
    return {
        "version": VERSION,
        "target": target.name,
        "seller": target.seller.code if target.seller else None,
        "format": target.format,
        "drop": job.pk,
        "begun_at": job.created_at.isoformat(),
        "published_at": at.isoformat(),
        "tables": {
            name: {
                "key": table.key,
                "columns": [{"name": column.name, "type": str(column.type)} for column in table.columns],
                "rows": sum(file["rows"] for file in files[name]),
                "files": files[name],
            }
            for name, table in TABLES.items()
        },
    }


def _describe_file(part: DropPart) -> dict[str, Any]:
    return {
        "path": part.path,
        "sha256": part.sha256,
        "bytes": part.size,
        "rows": part.rows,
        "first_key": part.first_key,
        "last_key": part.last_key,
        "is_final": part.is_final,
        "written_at": part.written_at.isoformat(),
    }
