"""
Close a set of periods in one transaction, with a number of statements that doesn't depend on how many there are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from billing.closing.close_result import CloseFailure, CloseSummary
from billing.closing.commitments.contract_state import attach_commitments
from billing.closing.consolidation.consolidated_invoices import (
    distinct_drafts,
    drop_incomplete_groups,
    group_periods,
    merge_groups,
)
from billing.closing.consolidation.locks import lock_open_periods, read_companion_ids
from billing.closing.credit_notes import build_credit_notes
from billing.closing.invoice_assembly import assemble_invoice
from billing.closing.invoice_writer import write_invoices
from billing.closing.lines.coupon_discounts import attach_coupons
from billing.closing.lines.quantity_lines import attach_billed_fees, fees_billed_for_next_period
from billing.closing.period_locks import lock_invoices_of_periods, lock_late_periods
from billing.closing.period_reader import (
    attach_billed_amounts,
    read_counters,
    read_late_periods,
    read_periods_to_close,
)
from billing.closing.records import AssembledInvoice, LatePeriod, PeriodToClose
from billing.metering.rating_inputs.aggregate_quantities import PeriodStates, read_states
from billing.metering.rating_inputs.multi_period_windows import WindowRuns, read_window_runs
from billing.metering.rating_inputs.period_counters import Counters, add_state_quantities, add_window_runs
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
        a subscription whose late periods another transaction holds is left for a later pass.
    consolidate: if a customer wants consolidated invoices, also bill the other periods of the same invoice, or none
        of them.

    All reads follow the locks, in statements of their own, so they see everything that ingest committed before it
    released the periods. The high-water mark of the sequence is read then, too. Usage that arrives afterwards is
    late.
    """
    chunk = ClosedChunk()
    closings = _read_with_next_periods(period_ids, at=at)
    if consolidate and any(closing.consolidates_at for closing in closings.values()):
        closings = _add_companions(closings, chunk, at=at)
    # Grouped before any period is dropped: a group that loses a period below must not be billed without it.
    groups = group_periods(closings.values()) if consolidate else {}
    chunk.summary.busy += drop_waiting_periods(closings)
    if late_period_ids is None:
        late_period_ids, held_subscription_ids = lock_late_periods(
            [closing.subscription_id for closing in closings.values() if closing.kind == "regular"]
        )
        chunk.summary.busy += _drop_subscriptions(closings, held_subscription_ids)
    partly_billed_ids = [id_ for id_, closing in closings.items() if closing.is_partly_billed]
    # Locked after the periods, so that the amounts left to credit stay as they are read below.
    lock_invoices_of_periods([*(id_ for ids in late_period_ids.values() for id_ in ids), *partly_billed_ids])
    mark = read_high_water_mark()
    sellers = read_sellers({closing.buyer.seller_id for closing in closings.values()})
    _fail_in_locked_months(closings, chunk, at=at)
    assembled = assemble_invoices(closings, late_period_ids, sellers, chunk)
    if groups:
        drop_incomplete_groups(assembled, closings, groups, chunk.summary, at=at)
        merge_groups(assembled, groups)
    issued = [id_ for id_, invoice in assembled.items() if is_issued(invoice, sellers[invoice.draft.seller_id])]
    notes = build_credit_notes(assembled)
    write_invoices(assembled, issued_period_ids=issued, credit_notes=notes, high_water_mark=mark, at=at)
    _add_to_summary(chunk, assembled, issued)
    chunk.summary.credited += len(notes)
    chunk.ended_subscription_ids = [
        closings[id_].subscription_id for id_ in assembled if not closings[id_].subscription_continues
    ]
    return chunk


def assemble_invoices(
    closings: dict[int, PeriodToClose],
    late_period_ids: Mapping[int, Sequence[int]],
    sellers: Mapping[int, SellerTerms],
    chunk: ClosedChunk,
) -> dict[int, AssembledInvoice]:
    """
    Return the invoices of these periods, in a fixed number of reads. Periods that have to wait are left out and
    counted as busy.

    late_period_ids: subscription → its late periods, billed by its first regular period.
    """
    _attach_usage(closings, read_counters(list(closings)), read_late_periods(late_period_ids))
    attach_billed_fees(closings)
    attach_billed_amounts(closings)
    # An earlier period of their commitment cycle is still open: they wait for a later pass.
    for id_ in attach_commitments(closings.values()):
        del closings[id_]
        chunk.summary.busy += 1
    attach_coupons(closings)
    regular = [closing.span for closing in closings.values() if closing.kind == "regular"]
    states_and_runs = read_states(regular), read_window_runs(regular)
    hit_failpoint("close.after_reads")
    return _assemble_each(closings, *states_and_runs, sellers, chunk)


def _read_with_next_periods(period_ids: Sequence[int], *, at: datetime) -> dict[int, PeriodToClose]:
    """Return the periods in the given order, each with its next period, which is created if it is missing."""
    closings = read_periods_to_close(period_ids)
    last_closings = [
        closing
        for closing in closings.values()
        if closing.kind == "regular" and closing.subscription_continues and closing.next_period is None
    ]
    if last_closings:
        ids = [closing.span.period_id for closing in last_closings]
        append_periods(
            subscription_ids=[closing.subscription_id for closing in last_closings],
            last_period_ids=ids,
            until=at + PERIOD_LEAD_TIME,
        )
        # Read again: they have a next period now, whose fees in advance this close bills.
        closings |= read_periods_to_close(ids)
    return {id_: closings[id_] for id_ in period_ids}


def _add_companions(
    closings: dict[int, PeriodToClose], chunk: ClosedChunk, *, at: datetime
) -> dict[int, PeriodToClose]:
    """
    Return the periods together with the others on the same consolidated invoices, locked without waiting.

    If another transaction holds one of these, the whole invoice is left for a later pass.
    """
    companion_ids = read_companion_ids([id_ for id_, closing in closings.items() if closing.consolidates_at])
    missing_ids = {id_ for ids in companion_ids.values() for id_ in ids} - closings.keys()
    locked_ids = lock_open_periods(sorted(missing_ids)) if missing_ids else set()
    added = _read_with_next_periods(sorted(locked_ids), at=at)
    complete: dict[int, PeriodToClose] = {}
    for id_, current in closings.items():
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


def _is_on_same_invoice(other: PeriodToClose, closing: PeriodToClose) -> bool:
    return (other.span.ends_at, other.consolidates_at) == (closing.span.ends_at, closing.consolidates_at)


def drop_waiting_periods(closings: dict[int, PeriodToClose]) -> int:
    """Drop periods that continue a period that is not billed yet, for a later pass; return how many were dropped."""
    waiting = [id_ for id_, closing in closings.items() if closing.span.continued == NOT_BILLED_YET]
    for id_ in waiting:
        del closings[id_]
    return len(waiting)


def _drop_subscriptions(closings: dict[int, PeriodToClose], subscription_ids: Iterable[int]) -> int:
    """Drop the periods of these subscriptions and return how many were dropped."""
    held_ids = set(subscription_ids)
    dropped_ids = [id_ for id_, closing in closings.items() if closing.subscription_id in held_ids]
    for id_ in dropped_ids:
        del closings[id_]
    return len(dropped_ids)


def _fail_in_locked_months(closings: dict[int, PeriodToClose], chunk: ClosedChunk, *, at: datetime) -> None:
    """Mark periods as failed whose invoice would be dated in a month that the seller has locked."""
    # Months are locked for live invoices only.
    locked_sellers = find_locked_sellers(
        {closing.buyer.seller_id for closing in closings.values() if not closing.buyer.sandbox}, at=at
    )
    for id_ in [
        id_
        for id_, closing in closings.items()
        if closing.buyer.seller_id in locked_sellers and not closing.buyer.sandbox
    ]:
        chunk.summary.failed.append(CloseFailure(id_, str(locked_sellers[closings.pop(id_).buyer.seller_id])))


def _attach_usage(
    closings: Mapping[int, PeriodToClose],
    counters: Mapping[int, Counters],
    late: Mapping[int, tuple[LatePeriod, ...]],
) -> None:
    """Attach the counters of each period; late usage belongs to the first regular period of its subscription."""
    unassigned = dict(late)
    for id_, closing in closings.items():
        closing.counters = counters.get(id_, {})
        if closing.kind == "regular":
            closing.late_periods = unassigned.pop(closing.subscription_id, ())


def _assemble_each(
    closings: Mapping[int, PeriodToClose],
    states: PeriodStates,
    runs: Mapping[int, WindowRuns],
    sellers: Mapping[int, SellerTerms],
    chunk: ClosedChunk,
) -> dict[int, AssembledInvoice]:
    """
    Return the invoices. A period that cannot be rated is recorded as failed, and the others continue.

    A period that settles fees billed in advance by the previous period is left for a later pass until that one is
    billed.
    """
    assembled: dict[int, AssembledInvoice] = {}
    for id_, closing in closings.items():
        if closing.blocking_period_id is not None and closing.blocking_period_id not in assembled:
            chunk.summary.busy += 1
            continue
        try:
            if closing.kind == "regular":
                closing.counters = add_state_quantities(closing.counters, closing.span, states)
                closing.span = add_window_runs(closing.span, runs)
            invoice = assemble_invoice(closing, sellers[closing.buyer.seller_id])
            if not all(claim.line_id for claim, _ in invoice.fee_reductions.values()):
                chunk.summary.busy += (
                    1  # its credit note corrects an invoice of this chunk, which must be issued first
                )
                continue
            assembled[id_] = invoice
            # The next period may be in the same chunk, and its advance fees are not in the database yet.
            if (
                closing.next_period is not None
                and (next_closing := closings.get(closing.next_period.period_id)) is not None
            ):
                next_closing.billed_fees = fees_billed_for_next_period(closing, invoice.draft)
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
