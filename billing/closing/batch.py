"""
Close a set of periods in one transaction, with a number of statements that doesn't depend on how many there are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from billing.closing.close_result import CloseFailure, CloseSummary
from billing.closing.consolidation.consolidated_invoices import (
    InvoiceGroup,
    distinct_drafts,
    drop_incomplete_groups,
    group_periods,
    in_order_of_issue,
    merge_groups,
)
from billing.closing.consolidation.locks import lock_open_periods, read_companion_ids
from billing.closing.credit_notes import build_credit_notes
from billing.closing.invoice_assembly import assemble_invoice
from billing.closing.invoice_inputs import InvoiceInputs, read_invoice_inputs
from billing.closing.invoice_writer import write_invoices
from billing.closing.lines.customer_coupons import lock_shared_coupons
from billing.closing.lines.fee_histories import fees_billed_for_next_period
from billing.closing.period_locks import lock_invoices_of_periods, lock_late_periods
from billing.closing.period_reader import read_due_periods
from billing.closing.records import AssembledInvoice, BilledFee, DuePeriod
from billing.metering.rating_inputs.plan_change_carryover import NOT_BILLED_YET
from billing.metering.store.events import read_high_water_mark
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME, append_periods
from invoices.documents.locked_months import find_locked_sellers
from invoices.documents.seller_terms import SellerTerms, read_sellers
from lib.error_text import storable_error_text
from lib.failpoints import hit_failpoint


@dataclass(slots=True)
class ClosedChunk:
    """
    The outcome of closing a set of locked periods, not yet committed.

    invoices: period → its invoice, None if nothing was due.
    ended_subscription_ids: subscriptions that have no further period.
    """

    summary: CloseSummary = field(default_factory=CloseSummary)
    invoices: dict[int, int | None] = field(default_factory=dict)
    ended_subscription_ids: list[int] = field(default_factory=list)


def close_locked(
    period_ids: Sequence[int],
    *,
    at: datetime,
    late_period_ids: Mapping[int, Sequence[int]] | None = None,
    consolidate: bool = True,
) -> ClosedChunk:
    """
    Bill and close open periods that the caller's transaction has locked FOR UPDATE.

    late_period_ids: subscription → its late periods, also locked. If None, they are locked here without waiting, and
        a subscription whose late periods another transaction holds is left for a later pass. So is a customer whose
        fixed coupon another one holds; if not None, this waits for the coupon.
    consolidate: if a customer wants consolidated invoices, also bill the other periods of the same invoice, or none
        of them.

    All reads follow the locks, in statements of their own, so they see everything that ingest committed before it
    released the periods. The high-water mark of the sequence is read then, too. Usage that arrives afterwards is
    late.
    """
    chunk = ClosedChunk()
    due_periods = _read_with_next_periods(period_ids, at=at)
    if consolidate and any(due.consolidates_at for due in due_periods.values()):
        due_periods = _add_companions(due_periods, chunk, at=at)
    # Grouped before any period is dropped: a group that loses a period below must not be billed without it.
    groups = group_periods(due_periods.values()) if consolidate else {}
    due_periods = in_order_of_issue(due_periods, groups)
    chunk.summary.busy += drop_waiting_periods(due_periods)
    waits = late_period_ids is not None
    if late_period_ids is None:
        late_period_ids, held_subscription_ids = lock_late_periods(
            [due.subscription_id for due in due_periods.values() if due.kind == "regular"]
        )
        chunk.summary.busy += _drop_subscriptions(due_periods, held_subscription_ids)
    # Before the invoices, in every close: two closes that credit the same invoice would lock in opposite orders.
    chunk.summary.busy += _drop_customers(due_periods, lock_shared_coupons(list(due_periods), waits=waits))
    partly_billed_ids = [id_ for id_, due in due_periods.items() if due.is_partly_billed]
    # Locked after the periods, so that the amounts left to credit stay as they are read below.
    lock_invoices_of_periods([*(id_ for ids in late_period_ids.values() for id_ in ids), *partly_billed_ids])
    mark = read_high_water_mark()
    sellers = read_sellers({due.buyer.seller_id for due in due_periods.values()})
    _fail_in_locked_months(due_periods, chunk, at=at)
    assembled = assemble_invoices(due_periods, late_period_ids, sellers, chunk)
    if groups:
        assembled = keep_complete_groups(assembled, due_periods, late_period_ids, sellers, groups, chunk, at=at)
    issued = [id_ for id_, invoice in assembled.items() if is_issued(invoice, sellers[invoice.draft.seller_id])]
    notes = build_credit_notes(assembled)
    write_invoices(assembled, issued_period_ids=issued, credit_notes=notes, high_water_mark=mark, at=at)
    _add_to_summary(chunk, assembled, issued)
    chunk.summary.credited += len(notes)
    chunk.ended_subscription_ids = [
        due_periods[id_].subscription_id for id_ in assembled if not due_periods[id_].subscription_continues
    ]
    return chunk


def assemble_invoices(
    due_periods: dict[int, DuePeriod],
    late_period_ids: Mapping[int, Sequence[int]],
    sellers: Mapping[int, SellerTerms],
    chunk: ClosedChunk,
) -> dict[int, AssembledInvoice]:
    """
    Return the invoices of these periods, in a fixed number of reads. Periods that have to wait are left out and
    counted as busy.

    late_period_ids: subscription → its late periods, billed by its first regular period.
    """
    inputs = read_invoice_inputs(due_periods, late_period_ids)
    # An earlier period of their commitment cycle is still open: they wait for a later pass.
    for id_ in inputs.cycles.waiting_ids:
        del due_periods[id_]
        chunk.summary.busy += 1
    hit_failpoint("close.after_reads")
    return _assemble_each(due_periods, inputs, sellers, chunk)


def keep_complete_groups(
    assembled: dict[int, AssembledInvoice],
    due_periods: dict[int, DuePeriod],
    late_period_ids: Mapping[int, Sequence[int]],
    sellers: Mapping[int, SellerTerms],
    groups: Mapping[InvoiceGroup, Sequence[DuePeriod]],
    chunk: ClosedChunk,
    *,
    at: datetime,
) -> dict[int, AssembledInvoice]:
    """Return the invoices whose groups are complete, merged group by group."""
    complete = dict(assembled)
    drop_incomplete_groups(complete, due_periods, groups, chunk.summary, at=at)
    dropped = [invoice for id_, invoice in assembled.items() if id_ not in complete]
    # A dropped invoice leaves its part of a customer's coupon to the others, which are therefore assembled again.
    if any(line.coupon_period is not None for invoice in dropped for line in invoice.coupon_lines):
        kept = {id_: due_periods[id_] for id_ in complete}
        complete = assemble_invoices(kept, late_period_ids, sellers, ClosedChunk())
    merge_groups(complete, groups)
    return complete


def _read_with_next_periods(period_ids: Sequence[int], *, at: datetime) -> dict[int, DuePeriod]:
    """Return the periods in the given order, each with its next period, which is created if it is missing."""
    due_periods = read_due_periods(period_ids)
    last_periods = [
        due
        for due in due_periods.values()
        if due.kind == "regular" and due.subscription_continues and due.next_period is None
    ]
    if last_periods:
        ids = [due.span.period_id for due in last_periods]
        append_periods(
            subscription_ids=[due.subscription_id for due in last_periods],
            last_period_ids=ids,
            until=at + PERIOD_LEAD_TIME,
        )
        # Read again: they have a next period now, whose fees in advance this close bills.
        due_periods |= read_due_periods(ids)
    return {id_: due_periods[id_] for id_ in period_ids}


def _add_companions(due_periods: dict[int, DuePeriod], chunk: ClosedChunk, *, at: datetime) -> dict[int, DuePeriod]:
    """
    Return the periods together with the others on the same consolidated invoices, locked without waiting.

    If another transaction holds one of these, the whole invoice is left for a later pass.
    """
    companion_ids = read_companion_ids([id_ for id_, due in due_periods.items() if due.consolidates_at])
    missing_ids = {id_ for ids in companion_ids.values() for id_ in ids} - due_periods.keys()
    locked_ids = lock_open_periods(sorted(missing_ids)) if missing_ids else set()
    added = _read_with_next_periods(sorted(locked_ids), at=at)
    complete: dict[int, DuePeriod] = {}
    for id_, current in due_periods.items():
        companions = companion_ids.get(id_, [])
        if any(other in missing_ids and other not in locked_ids for other in companions):
            chunk.summary.busy += 1
            continue
        complete[id_] = current
        # Read again under the lock: a companion's end may have changed since the first read.
        complete |= {
            other: added[other]
            for other in companions
            if other in added and _is_on_same_invoice(added[other], current)
        }
    return complete


def _is_on_same_invoice(other: DuePeriod, due: DuePeriod) -> bool:
    return (other.span.ends_at, other.consolidates_at) == (due.span.ends_at, due.consolidates_at)


def drop_waiting_periods(due_periods: dict[int, DuePeriod]) -> int:
    """Drop periods that continue a period that is not billed yet, for a later pass; return how many were dropped."""
    waiting = [id_ for id_, due in due_periods.items() if due.span.continued == NOT_BILLED_YET]
    for id_ in waiting:
        del due_periods[id_]
    return len(waiting)


def _drop_subscriptions(due_periods: dict[int, DuePeriod], subscription_ids: Iterable[int]) -> int:
    """Drop the periods of these subscriptions and return how many were dropped."""
    held_ids = set(subscription_ids)
    dropped_ids = [id_ for id_, due in due_periods.items() if due.subscription_id in held_ids]
    for id_ in dropped_ids:
        del due_periods[id_]
    return len(dropped_ids)


def _drop_customers(due_periods: dict[int, DuePeriod], held_period_ids: Iterable[int]) -> int:
    """Drop all periods of the customers of these periods, since they may share an invoice; return their number."""
    customer_ids = {due_periods[id_].buyer.customer_id for id_ in held_period_ids}
    dropped_ids = [id_ for id_, due in due_periods.items() if due.buyer.customer_id in customer_ids]
    for id_ in dropped_ids:
        del due_periods[id_]
    return len(dropped_ids)


def _fail_in_locked_months(due_periods: dict[int, DuePeriod], chunk: ClosedChunk, *, at: datetime) -> None:
    """Mark periods as failed whose invoice would be dated in a month that the seller has locked."""
    # Months are locked for live invoices only.
    locked_sellers = find_locked_sellers(
        {due.buyer.seller_id for due in due_periods.values() if not due.buyer.sandbox}, at=at
    )
    for id_ in [
        id_ for id_, due in due_periods.items() if due.buyer.seller_id in locked_sellers and not due.buyer.sandbox
    ]:
        chunk.summary.failed.append(CloseFailure(id_, str(locked_sellers[due_periods.pop(id_).buyer.seller_id])))


def _assemble_each(
    due_periods: Mapping[int, DuePeriod],
    inputs: InvoiceInputs,
    sellers: Mapping[int, SellerTerms],
    chunk: ClosedChunk,
) -> dict[int, AssembledInvoice]:
    """
    Return the invoices. A period that cannot be rated is recorded as failed, and the others continue.

    A period that settles fees billed in advance by the previous period is left for a later pass until that one is
    billed.
    """
    assembled: dict[int, AssembledInvoice] = {}
    # Period → the fees that an invoice of this chunk bills in advance of it, which are not in the database yet.
    billed_in_advance: dict[int, dict[int, BilledFee]] = {}
    for id_, due in due_periods.items():
        blocking_period_id = inputs.fees_of(id_).blocking_period_id
        if blocking_period_id is not None and blocking_period_id not in assembled:
            chunk.summary.busy += 1
            continue
        try:
            closing = inputs.complete(due, billed_fees=billed_in_advance.get(id_))
            invoice = assemble_invoice(closing, sellers[closing.buyer.seller_id])
            # A credit note corrects an invoice of this chunk, which must be issued first.
            if not all(billed_fee.line_id for billed_fee, _ in invoice.fee_reductions.values()):
                chunk.summary.busy += 1
                continue
            assembled[id_] = invoice
            inputs.taken.add(invoice.coupon_lines)
            if closing.next_period is not None:
                next_fees = fees_billed_for_next_period(closing, invoice.draft)
                billed_in_advance[closing.next_period.period_id] = next_fees
        # Any error: one period that cannot be rated must not stop the others.
        except Exception as error:
            chunk.summary.failed.append(CloseFailure(id_, describe_error(error)))
    return assembled


def describe_error(error: Exception) -> str:
    """Return an error as the text that is stored with the failed period and shown to operators."""
    return storable_error_text(f"{error or type(error).__name__} ({type(error).__name__})")


def is_issued(assembled: AssembledInvoice, seller: SellerTerms) -> bool:
    """
    Return whether an invoice is issued: one with a total of zero only if the seller wants such invoices and it has
    lines.
    """
    draft = assembled.draft
    return not draft.is_zero or (seller.issues_zero_invoices and bool(draft.lines))


def _add_to_summary(chunk: ClosedChunk, assembled: Mapping[int, AssembledInvoice], issued: Sequence[int]) -> None:
    issued_ids = set(issued)
    for id_, invoice in assembled.items():
        chunk.invoices[id_] = invoice.draft.id if id_ in issued_ids else None
        chunk.summary.late_billed += len(invoice.late_billed)
        chunk.summary.late_left += len(invoice.late_left)
    invoice_count = len(distinct_drafts(assembled[id_] for id_ in issued))
    chunk.summary.issued += invoice_count
    chunk.summary.joined += len(issued) - invoice_count
    chunk.summary.skipped += len(assembled) - len(issued)
