"""Compute the accruals that are due, chunk by chunk: docs/recognition.md#accruals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby, islice
from operator import attrgetter

from django.db import connection, transaction

from billing.closing.batch import describe_error
from billing.models import Accrual, AccruedAmount, Period
from billing.models.periods import PeriodState
from billing.revenue.accruals.accrual_queue import DueAccrual, claim, read_due_accruals
from billing.revenue.accruals.closed_periods import rate_late_usage, rate_usage_until
from billing.revenue.accruals.earned_amounts import EarnedAmounts
from billing.revenue.accruals.open_periods import rate_open_periods
from billing.revenue.ledger.books import SellerBooks, read_books
from customers.models import Seller
from lib import sql
from lib.queue import NO_DEADLINE, Deadline

CHUNK_SIZE = 200
"""Periods per transaction. Usage that arrives in them waits for nothing; another worker waits for their accruals."""

ACCRUAL_DIGEST = """
md5(concat_ws('|', a.period_id, a.month, a.fingerprint, extract(epoch FROM a.computed_at), a.error, (
    SELECT string_agg(concat_ws('|', x.kind, coalesce(x.plan_feature_id, 0), coalesce(x.fee_id, 0), x.is_uninvoiced,
        x.amount), '|' ORDER BY x.id)
    FROM billing_accruedamount x WHERE x.accrual_id = a.id)))::uuid
"""
"""SQL for the digest of an accrual `a` with its amounts."""

_SEAL = f"UPDATE billing_accrual a SET digest = {ACCRUAL_DIGEST} WHERE a.id = ANY(%s)"  # noqa: S608

MAX_ERROR = Accrual._meta.get_field("error").max_length or 0


@dataclass(slots=True)
class AccrualCounts:
    """Accruals computed, and those of them whose period can't be rated."""

    computed: int = 0
    failed: int = 0

    def add(self, other: "AccrualCounts") -> None:
        self.computed += other.computed
        self.failed += other.failed


def accrue_all(*, at: datetime, deadline: Deadline = NO_DEADLINE) -> AccrualCounts:
    """Compute the due accruals of all sellers; those that are left when the time is over wait for the next run."""
    counts = AccrualCounts()
    for seller in deadline.limit(Seller.objects.order_by("pk")):
        counts.add(accrue(read_books(seller, at=at), at=at, deadline=deadline))
    return counts


def accrue(
    books: SellerBooks,
    *,
    at: datetime,
    months: tuple[int, int] | None = None,
    customers: tuple[int, int] = (0, 2**62),
    deadline: Deadline = NO_DEADLINE,
) -> AccrualCounts:
    """
    Compute the accruals of a seller that are due. It may be interrupted, and any number of workers may run.

    at: the end of the books. months, customers: see `read_due_accruals`.
    """
    counts = AccrualCounts()
    while deadline.has_time():
        due = read_due_accruals(books, at=at, months=months, customers=customers)
        if not due:
            break
        computed = AccrualCounts()
        for chunk in deadline.limit(_chunks(due)):
            computed.add(_accrue_chunk(chunk, at=at))
        counts.add(computed)
        # Another worker has computed all of them, or is ahead in time.
        if not computed.computed:
            break
    return counts


def _chunks(due: Sequence[DueAccrual]) -> Iterator[Sequence[DueAccrual]]:
    """Yield chunks of one month each."""
    for _, of_month in groupby(due, key=attrgetter("month")):
        while chunk := list(islice(of_month, CHUNK_SIZE)):
            yield chunk


def _accrue_chunk(chunk: Sequence[DueAccrual], *, at: datetime) -> AccrualCounts:
    """Compute some accruals of a month in one transaction; if that fails, one by one, so that only one fails."""
    period_ids, (_, month, until) = [due.period_id for due in chunk], chunk[0]
    try:
        return _accrue_periods(period_ids, month=month, until=until, at=at)
    except Exception as error:
        if not connection.is_usable():
            raise
        if len(chunk) > 1:
            counts = AccrualCounts()
            for due in chunk:
                counts.add(_accrue_chunk([due], at=at))
            return counts
        return _store_error(chunk[0], describe_error(error), at=at)


@transaction.atomic
def _accrue_periods(period_ids: Sequence[int], *, month: date, until: datetime, at: datetime) -> AccrualCounts:
    accrual_ids = claim(period_ids, month=month, at=at)
    amounts, errors = _rate(list(accrual_ids), until=until, at=at)
    # What a failed period had earned by its last computation stays, until it can be rated again.
    rated_ids = [id_ for period_id, id_ in accrual_ids.items() if period_id not in errors]
    AccruedAmount.objects.filter(accrual__in=rated_ids).delete()
    AccruedAmount.objects.bulk_create(
        AccruedAmount(accrual_id=accrual_ids[period_id], **key._asdict(), amount=amount)
        for period_id, earned in amounts.items()
        if period_id not in errors
        for key, amount in earned
    )
    for period_id, error in errors.items():
        Accrual.objects.filter(pk=accrual_ids[period_id]).update(error=error[:MAX_ERROR])
    sql.execute(_SEAL, [list(accrual_ids.values())])
    return AccrualCounts(len(accrual_ids), len(errors))


def _rate(
    period_ids: Sequence[int], *, until: datetime, at: datetime
) -> tuple[dict[int, EarnedAmounts], dict[int, str]]:
    """Return what each of these periods has earned by `until` beyond its lines, or why it can't be rated."""
    periods = Period.objects.filter(pk__in=period_ids).with_parties().order_by("pk")
    open_ids, cut_ids, late_ids = [], [], []
    for period in periods:
        if period.state == PeriodState.OPEN:
            open_ids.append(period.pk)
        elif period.starts_at < until < period.ends_at:
            cut_ids.append(period.pk)
        elif period.ends_at <= until and period.late_since and _is_billed_late(period):
            late_ids.append(period.pk)
    amounts: dict[int, EarnedAmounts] = {}
    errors: dict[int, str] = {}
    for rated, failed in (
        rate_open_periods(open_ids, until=until, at=at),
        rate_usage_until(cut_ids, until=until),
        rate_late_usage(late_ids),
    ):
        amounts |= rated
        errors |= failed
    return amounts, errors


def _is_billed_late(period: Period) -> bool:
    return bool(period.subscription.customer.seller.late_usage != "report_only")


@transaction.atomic
def _store_error(due: DueAccrual, error: str, *, at: datetime) -> AccrualCounts:
    accrual_ids = claim([due.period_id], month=due.month, at=at)
    Accrual.objects.filter(pk__in=accrual_ids.values()).update(error=error[:MAX_ERROR])
    sql.execute(_SEAL, [list(accrual_ids.values())])
    return AccrualCounts(len(accrual_ids), len(accrual_ids))
