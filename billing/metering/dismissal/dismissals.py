"""Dismiss reports of unmatched usage with a reason, and undo that."""

from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import User

from billing.models import Dismissal, UnmatchedUsage
from lib.audit_log import audited_transaction

MAX_REPORTS = 5_000
"""Reports of one call: each has a row of its own, with its history."""


def dismiss(
    *,
    report_ids: Collection[int],
    reason: str,
    at: datetime,
    by: User | None = None,
    api_key_id: int | None = None,
) -> int:
    """
    Dismiss these reports, and return how many. Reports that are resolved, or dismissed already, are left out.

    by, api_key_id: the actor, one of the two.

    A dismissed report stays open: a reprocess still resolves it.
    """
    with audited_transaction("dismiss unmatched usage", by=by, at=at):
        locked_ids = _lock_reports(report_ids)
        # After the locks, in a statement of its own: it sees the dismissals of a concurrent call.
        current = set(Dismissal.objects.current().filter(report__in=locked_ids).values_list("report_id", flat=True))
        dismissals = [
            Dismissal(report_id=id_, reason=reason, dismissed_at=at, by=by, api_key_id=api_key_id)
            for id_ in locked_ids
            if id_ not in current
        ]
        Dismissal.objects.bulk_create(dismissals)
        return len(dismissals)


def undo_dismissal(
    *, report_ids: Collection[int], at: datetime, by: User | None = None, api_key_id: int | None = None
) -> int:
    """Let dismissed reports count again, and return how many; reports that are not dismissed by hand are left out."""
    with audited_transaction("undo dismissal of unmatched usage", by=by, at=at):
        current = Dismissal.objects.current().filter(report__in=_lock_reports(report_ids))
        return current.update(undone_at=at, undone_by=by, undone_api_key=api_key_id)


def _lock_reports(report_ids: Collection[int]) -> list[int]:
    """Lock the open ones of these reports, in the order of their ids, against a reprocess and other dismissals."""
    reports = UnmatchedUsage.objects.open().filter(pk__in=report_ids).order_by("pk")
    return list(reports.select_for_update(no_key=True).values_list("pk", flat=True)[:MAX_REPORTS])
