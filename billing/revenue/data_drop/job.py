"""
The data drop as a job: an item is a part, and the last one publishes the manifest.

docs/data-drop.md. A drop that is interrupted continues with the parts that are missing; one that failed is followed
by another, which stores only the files that are not there yet.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from billing.jobs import start
from billing.jobs.definitions import ItemOutcome, JobDefinition
from billing.models import DropTarget, Job, JobItem
from billing.models.jobs import ENDED_STATES, ItemState, JobKind, JobState
from billing.revenue.data_drop import manifest
from billing.revenue.data_drop.old_files import delete_replaced, list_abandoned, list_replaced
from billing.revenue.data_drop.parts import PartKey, final_keys, list_keys, write_part
from billing.revenue.data_drop.plan import DropPlan, jobs_of, note_parameters, read_plan
from billing.revenue.data_drop.store import Store, StoreFailed
from billing.revenue.data_drop.stores import open_store
from billing.revenue.data_drop.tables import sequences

COLUMNS = ("table", "part", "rows", "bytes", "outcome")
RETRY_AFTER = timedelta(hours=1)
"""Time after which a failed drop of this night is followed by another."""


class DropRefused(ValueError):
    """The drop can't be started; the text says why, and how to go on."""


def start_drop(
    target: DropTarget, *, by: User | None, at: datetime, dry_run: bool = False, rewrites: bool = False
) -> Job:
    """
    Store the job of a drop.

    rewrites: write every file again, for a place from which files were deleted.

    :raises DropRefused: if another drop of the target has not ended yet.
    """
    with transaction.atomic():
        # Row lock: two drops of a target would replace each other's parts.
        DropTarget.objects.select_for_update(no_key=True).get(pk=target.pk)
        if (running := running_drop(target)) is not None:
            text = _("Job %(job)s still drops to %(target)s. Wait for its end, or cancel it.")
            raise DropRefused(text % {"job": running.pk, "target": target})
        return start.start(
            kind=JobKind.DATA_DROP,
            title=f"Data drop to {target}",
            parameters={**note_parameters(target, sequences()), "rewrites": rewrites},
            dry_run=dry_run,
            by=by,
            at=at,
        )


def running_drop(target: DropTarget) -> Job | None:
    """Return the job that still drops to a target, or will when it is resumed."""
    drops = Job.objects.filter(kind=JobKind.DATA_DROP, parameters__target=target.pk)
    return drops.exclude(state__in=ENDED_STATES).first()


def start_due_drops(*, at: datetime) -> int:
    """Start the drops that are due, each once a night, and again an hour after it failed; return their number."""
    return sum(
        _start_if_due(target, at=at)
        for target in DropTarget.objects.filter(is_enabled=True).select_related("seller").order_by("pk")
    )


def _start_if_due(target: DropTarget, *, at: datetime) -> bool:
    due_at = at.replace(hour=target.hour, minute=0, second=0, microsecond=0)
    due_at -= timedelta(days=due_at > at)
    last = jobs_of(target).order_by("-pk").first()
    if last is not None and last.created_at >= due_at:
        failed_at = last.finished_at if last.state == JobState.FAILED else None
        if failed_at is None or failed_at > at - RETRY_AFTER:
            return False
    try:
        start_drop(target, by=None, at=at)
    except DropRefused:  # the drop of the night before still runs
        return False
    return True


def _create_items(job: Job, after: JobItem | None) -> Iterator[JobItem]:
    done = after.number if after else 0
    for number, parameters in enumerate(_list_steps(job), start=1):
        if number > done:
            yield JobItem(job=job, number=number, parameters=parameters)


def _list_steps(job: Job) -> Iterator[dict[str, Any]]:
    """Yield the parameters of all items, in an order that stays the same until the first is processed."""
    target = _target_of(job)
    if not job.dry_run:
        for first, last in list_replaced(target, at=job.created_at):
            yield {"step": "delete", "first": first, "last": last}
        yield {"step": "clean"}
    final = set() if job.parameters["rewrites"] else final_keys(target)
    for key in list_keys(read_plan(job, target)):
        if key not in final:
            yield {"step": "part", "table": key.table, "section": key.section, "number": key.number}
    yield {"step": "publish"}


def _process_item(item: JobItem, at: datetime) -> ItemOutcome:
    target = _target_of(item.job)
    try:
        return _do_step(item, target, at=at)
    except StoreFailed as failure:
        return ItemOutcome(unfinished=str(failure), is_transient=failure.may_pass)


def _do_step(item: JobItem, target: DropTarget, *, at: datetime) -> ItemOutcome:
    job, parameters = item.job, item.parameters
    store, plan = open_store(target, at=at), read_plan(item.job, target)
    match parameters["step"]:
        case "delete":
            deleted = delete_replaced(target, (parameters["first"], parameters["last"]), store=store)
            return ItemOutcome({"files deleted": deleted})
        case "clean":
            for path in list_abandoned(target, before=job):
                store.delete(path)
            return ItemOutcome()
        case "publish":
            return _publish(item, target, plan=plan, store=store, at=at)
    key = PartKey(parameters["table"], parameters["section"], parameters["number"])
    result = write_part(
        key, item=item, target=target, plan=plan, store=store, at=at, rewrites=job.parameters["rewrites"]
    )
    figures = {"rows read": result.rows, "files written": 0, "bytes written": 0}
    if not result.is_new:
        return ItemOutcome(figures)
    figures |= {"files written": 1, "bytes written": result.size}
    finding: dict[str, str | int] = {
        "table": key.table,
        "part": f"{key.section} {key.number}".strip(),
        "rows": result.rows,
        "bytes": result.size,
        "outcome": "would be written" if job.dry_run else "written",
    }
    return ItemOutcome(figures, [finding])


def _publish(item: JobItem, target: DropTarget, *, plan: DropPlan, store: Store, at: datetime) -> ItemOutcome:
    job = item.job
    failed = job.items.filter(state=ItemState.FAILED).count()
    if failed:
        return ItemOutcome(unfinished=f"{failed} parts are missing, so the manifest stays as it is.")
    if job.dry_run:
        return ItemOutcome()
    files = manifest.publish(job, target, plan=plan, store=store, at=at)
    return ItemOutcome({"files in the manifest": files})


def _target_of(job: Job) -> DropTarget:
    return DropTarget.objects.select_related("seller").get(pk=job.parameters["target"])


DATA_DROP = JobDefinition(
    permission="billing.change_droptarget",
    split=_create_items,
    process=_process_item,
    columns=COLUMNS,
    last_item_waits=True,
)
"""The definition of a data drop as a job."""
