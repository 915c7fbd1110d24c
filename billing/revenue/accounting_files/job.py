"""
Accounting files as a job: an item is one seller's month for one target, in one currency.

An item without a complete mapping fails, with the unmapped amounts as its findings; once they are mapped, a retry
makes the files.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing.jobs import start
from billing.jobs.definitions import ItemOutcome, JobDefinition
from billing.models import AccountingTarget, Job, JobItem
from billing.models.accounting_files import Target
from billing.models.jobs import JobKind
from billing.revenue.accounting_files.batches import (
    BatchRefused,
    MappingIncomplete,
    MonthIsLocked,
    NothingToExport,
    is_left_out,
    list_currencies,
    make_batch,
)
from customers.models import Seller
from invoices.documents.calendar_months import month_of
from lib.decimals import to_plain_string

COLUMNS = ("seller", "target", "currency", "outcome", "batch", "role", "narrowing", "amount", "postings", "reason")
FIGURE_NAMES = ("made", "unmapped", "left out", "nothing to export", "refused")


class ExportRefused(BatchRefused):
    """The job can't be started; the text gives the reason."""


def start_export(
    *,
    month: date,
    at: datetime,
    by: User | None,
    seller: Seller | None = None,
    target: str = "",
    is_provisional: bool = False,
    is_detailed: bool | None = None,
    exchange_rates: dict[str, Decimal] | None = None,
    dry_run: bool = False,
) -> Job:
    """
    Store a job that makes the files of a month, of one seller or of all, for one target or for all that are set up.

    is_provisional: make the files of an open month; sellers that have locked it are left out.
    exchange_rates: units for one of the seller's currency, by currency, for targets that require them; default: the
    stored rates.

    :raises ExportRefused: if no target is set up, the target is unknown, or the month is none.
    """
    if target and target not in Target.values:
        text = _("There is no target “%(target)s”. Choose one of %(targets)s.")
        raise ExportRefused(text % {"target": target, "targets": ", ".join(Target.values)})
    if month != month_of(month):
        raise ExportRefused(_("%(date)s is not a month. Enter the first day of a month.") % {"date": month})
    if not target and not _targets_of(seller).exists():
        raise ExportRefused(_("No accounting target is set up. Add one under Settings, or name a target."))
    return start.start(
        kind=JobKind.EXPORT,
        title=f"{'Provisional accounting' if is_provisional else 'Accounting'} files of {seller or 'all sellers'},"
        f" {month:%Y-%m}{f', {target}' if target else ''}",
        parameters={
            "month": month.isoformat(),
            "seller": seller.pk if seller else None,
            "target": target,
            "is_provisional": is_provisional,
            "is_detailed": is_detailed,
            "exchange_rates": {currency: to_plain_string(rate) for currency, rate in (exchange_rates or {}).items()},
        },
        dry_run=dry_run,
        by=by,
        at=at,
    )


def _targets_of(seller: Seller | None) -> QuerySet[AccountingTarget]:
    targets = AccountingTarget.objects.order_by("seller", "target")
    return targets if seller is None else targets.filter(seller=seller)


def _create_items(job: Job, after: JobItem | None) -> Iterator[JobItem]:
    done = after.number if after else 0
    for number, parameters in enumerate(_list_parameters(job), start=1):
        if number > done:
            yield JobItem(job=job, number=number, parameters=parameters)


def _list_parameters(job: Job) -> Iterator[dict[str, str | int]]:
    """Yield the seller, target and currency of each item, in an order that stays the same."""
    month, seller_id = date.fromisoformat(job.parameters["month"]), job.parameters["seller"]
    target = job.parameters["target"]
    sellers = Seller.objects.order_by("pk") if seller_id is None else Seller.objects.filter(pk=seller_id)
    for seller in sellers:
        targets: Iterable[str] = [target] if target else _targets_of(seller).values_list("target", flat=True)
        for currency in list_currencies(seller, month, at=job.created_at):
            for name in targets:
                yield {"seller": seller.pk, "target": name, "currency": currency}


def _process_item(item: JobItem, at: datetime) -> ItemOutcome:
    parameters, job = item.parameters, item.job
    seller = Seller.objects.get(pk=parameters["seller"])
    target, currency = parameters["target"], parameters["currency"]
    finding = {"seller": seller.code, "target": target, "currency": currency}
    outcome = ItemOutcome(dict.fromkeys(FIGURE_NAMES, 0))
    if is_left_out(seller, target, currency):
        outcome.figures["left out"] = 1
        reason = f"{target} takes {seller.currency} only. Book these amounts by hand."
        outcome.findings = [finding | {"outcome": "left out", "reason": reason}]
        return outcome
    rate = job.parameters["exchange_rates"].get(currency)
    try:
        with transaction.atomic():
            batch = make_batch(
                seller=seller,
                month=date.fromisoformat(job.parameters["month"]),
                target=target,
                currency=currency,
                is_provisional=job.parameters.get("is_provisional", False),
                is_detailed=job.parameters["is_detailed"],
                exchange_rate=Decimal(rate) if rate else None,
                by=job.by,
                at=at,
            )
            if job.dry_run:
                transaction.set_rollback(True)
    except MappingIncomplete as refusal:
        outcome.figures["unmapped"] = len(refusal.unmapped)
        outcome.unfinished = str(refusal)
        outcome.findings = [
            finding
            | {
                "outcome": "unmapped",
                "role": row.role,
                "narrowing": ", ".join(f"{name} {value}" for name, value in row.narrowing.items()),
                "amount": to_plain_string(row.amount),
                "postings": row.postings,
                "reason": row.problem,
            }
            for row in refusal.unmapped
        ]
    except MonthIsLocked as refusal:
        outcome.figures["left out"] = 1
        outcome.findings = [finding | {"outcome": "left out", "reason": str(refusal)}]
    except NothingToExport as refusal:
        outcome.figures["nothing to export"] = 1
        outcome.findings = [finding | {"outcome": "nothing to export", "reason": str(refusal)}]
    except BatchRefused as refusal:
        outcome.figures["refused"] = 1
        outcome.unfinished = str(refusal)
        outcome.findings = [finding | {"outcome": "refused", "reason": str(refusal)}]
    else:
        outcome.figures["made"] = 1
        outcome.findings = [finding | {"outcome": "made", "batch": batch.label}]
    return outcome


EXPORT = JobDefinition(
    permission="billing.add_exportbatch", split=_create_items, process=_process_item, columns=COLUMNS
)
"""The definition of accounting files as a job."""
