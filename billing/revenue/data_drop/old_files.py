"""Files that no manifest names any more: replaced ones, and those that a killed worker left."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from billing.models import DropPart, DropTarget, Job, JobItem
from billing.models.jobs import ItemState, JobState
from billing.revenue.data_drop.parts import PartKey, path_of
from billing.revenue.data_drop.plan import jobs_of
from billing.revenue.data_drop.store import Store

KEPT = timedelta(hours=12)
"""How long the files of an earlier manifest stay for those who are reading them."""

FILES_PER_ITEM = 200


def list_replaced(target: DropTarget, *, at: datetime) -> Iterator[tuple[int, int]]:
    """Yield ranges of ids of parts whose files may be deleted, because a manifest without them is old enough."""
    published = jobs_of(target).filter(state=JobState.DONE, finished_at__lte=at - KEPT).order_by("-pk").first()
    if published is None:
        return
    replaced = _replaced(target).filter(replaced_at__lte=published.finished_at).order_by("pk")
    ids = list(replaced.values_list("pk", flat=True))
    for start in range(0, len(ids), FILES_PER_ITEM):
        batch = ids[start : start + FILES_PER_ITEM]
        yield batch[0], batch[-1]


def delete_replaced(target: DropTarget, ids: tuple[int, int], *, store: Store) -> int:
    """Delete the files of replaced parts with ids from the first to the last, and return their number."""
    parts = list(_replaced(target).filter(pk__range=ids))
    for part in parts:
        if part.path:
            store.delete(part.path)
    DropPart.objects.filter(pk__in=[part.pk for part in parts]).delete()
    return len(parts)


def _replaced(target: DropTarget) -> QuerySet[DropPart]:
    return DropPart.objects.filter(target=target, replaced_at__isnull=False)


def list_abandoned(target: DropTarget, *, before: Job) -> list[str]:
    """
    Return the names of files that tries without a result may have left, since the last published drop began.

    before: the running drop, whose own tries are left alone.

    They are in no part. Each try has a name of its own, so that the names follow from the items of the jobs.
    """
    jobs = jobs_of(target).filter(pk__lt=before.pk)
    last_done = jobs.filter(state=JobState.DONE).order_by("-pk").values_list("pk", flat=True).first() or 0
    items = JobItem.objects.filter(job__in=jobs.filter(pk__gte=last_done), parameters__step="part")
    unclear = items.filter(Q(tries__gt=1) | ~Q(state=ItemState.DONE), tries__gt=0)
    names = {
        path_of(
            PartKey(item.parameters["table"], item.parameters["section"], item.parameters["number"]),
            job_id=item.job_id,
            number=number,
            file_format=target.format,
        )
        for item in unclear.order_by("pk")
        for number in range(1, item.tries + 1)
    }
    return sorted(names - set(DropPart.objects.filter(target=target, path__in=names).values_list("path", flat=True)))
