"""Close a set of periods in one transaction, in a fixed number of statements, whatever their number."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

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
from billing.closing.result import CloseFailure, CloseSummary
from billing.metering.rating_inputs.aggregate_quantities import PeriodStates, read_states
from billing.metering.rating_inputs.multi_period_windows import WindowRuns, read_window_runs
from billing.metering.rating_inputs.period_counters import Counters, with_metered, with_window_runs
from billing.metering.rating_inputs.plan_change_carryover import NOT_BILLED_YET
from billing.metering.store.events import read_high_water_mark
from billing.subscriptions.periods.generation import PERIOD_LEAD_TIME, append_periods
from invoices.documents.month_lock import find_locked_sellers
from invoices.documents.seller_terms import SellerTerms, read_sellers
from lib.error_text import storable_error_text
from lib.failpoints import hit_failpoint


@dataclass(slots=True)
class ClosedChunk:
    """
    What was done to a set of locked periods; nothing of it is committed yet.

    invoices: period → its invoice, None where nothing was due. over: subscriptions with no period to follow.
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
    Bill and close open periods that the caller's transaction holds locked FOR UPDATE.

    late: subscription → its late periods, locked as well; claimed without waiting where absent, and a subscription
    whose late periods somebody else holds is left for a later pass.
    joins: where a customer wants one document, bill what goes on it as well, or nothing of it.

    All reads come after the locks and in statements of their own, so they see whatever ingest had committed before it
    let go of the periods; the sequence's high-water mark is read then, too. From here on usage is late.
    """
    chunk = ClosedChunk()
    closings = _read_with_next_periods(period_ids, at=at)
    if consolidate and any(one.consolidates_at for one in closings.values()):
        closings = _add_companions(closings, chunk, at=at)
    groups = group_periods(closings.values()) if consolidate else {}
    chunk.summary.busy += drop_waiting_periods(closings)
    if late_period_ids is None:
        late_period_ids, held = lock_late_periods(
            [one.subscription_id for one in closings.values() if one.kind == "regular"]
        )
        chunk.summary.busy += _drop_subscriptions(closings, held)
    begun = [id_ for id_, one in closings.items() if one.is_partly_billed]
    lock_invoices_of_periods([*(id_ for ids in late_period_ids.values() for id_ in ids), *begun])
    mark = read_high_water_mark()
    sellers = read_sellers({one.buyer.seller_id for one in closings.values()})
    _fail_in_locked_months(closings, chunk, at=at)
    assembled = assemble_invoices(closings, late_period_ids, sellers, chunk)
    if groups:
        drop_incomplete_groups(assembled, closings, groups, chunk.summary, at=at)
        merge_groups(assembled, groups)
    issued = [id_ for id_, one in assembled.items() if is_issued(one, sellers[one.draft.seller_id])]
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
    Return the documents of these periods, in a fixed number of reads; who must wait is left out and counted as busy.

    late: subscription → its late periods, billed by the first regular one of it.
    """
    _attach_usage(closings, read_counters(list(closings)), read_late_periods(late_period_ids))
    attach_billed_fees(closings)
    attach_billed_amounts(closings)
    for id_ in attach_commitments(closings.values()):
        del closings[id_]
        chunk.summary.busy += 1
    attach_coupons(closings)
    regular = [one.span for one in closings.values() if one.kind == "regular"]
    entered = read_states(regular), read_window_runs(regular)
    hit_failpoint("close.after_reads")
    return _assemble_each(closings, *entered, sellers, chunk)


def _read_with_next_periods(period_ids: Sequence[int], *, at: datetime) -> dict[int, PeriodToClose]:
    """Return the periods in the order given, each with the one that follows it, which is made if it is missing."""
    found = read_periods_to_close(period_ids)
    last = [
        one
        for one in found.values()
        if one.kind == "regular" and one.subscription_continues and one.next_period is None
    ]
    if last:
        ids = [one.span.period_id for one in last]
        append_periods(
            subscription_ids=[one.subscription_id for one in last], last_period_ids=ids, until=at + PERIOD_LEAD_TIME
        )
        found |= read_periods_to_close(ids)
    return {id_: found[id_] for id_ in period_ids}


def _add_companions(
    closings: dict[int, PeriodToClose], chunk: ClosedChunk, *, at: datetime
) -> dict[int, PeriodToClose]:
    """
    Return the periods with those that go on the same documents, locked without waiting.

    Where somebody else holds one of these, all of its document is left for a later pass.
    """
    others = read_companion_ids([id_ for id_, one in closings.items() if one.consolidates_at])
    wanted = {id_ for ids in others.values() for id_ in ids} - closings.keys()
    had = lock_open_periods(sorted(wanted)) if wanted else set()
    added = _read_with_next_periods(sorted(had), at=at)
    found: dict[int, PeriodToClose] = {}
    for id_, one in closings.items():
        beside = others.get(id_, [])
        if any(other in wanted and other not in had for other in beside):
            chunk.summary.busy += 1
            continue
        found[id_] = one
        # The end of one may have moved since it was found.
        found |= {
            other: added[other] for other in beside if other in added and _is_on_same_invoice(added[other], one)
        }
    return found


def _is_on_same_invoice(other: PeriodToClose, one: PeriodToClose) -> bool:
    return (other.span.ends_at, other.consolidates_at) == (one.span.ends_at, one.consolidates_at)


def drop_waiting_periods(closings: dict[int, PeriodToClose]) -> int:
    """Drop the periods that continue one that is not billed yet, for a later pass, and return how many they were."""
    waiting = [id_ for id_, one in closings.items() if one.span.continued == NOT_BILLED_YET]
    for id_ in waiting:
        del closings[id_]
    return len(waiting)


def _drop_subscriptions(closings: dict[int, PeriodToClose], held: Iterable[int]) -> int:
    """Drop the periods of these subscriptions, and return how many they were."""
    subscriptions = set(held)
    left = [id_ for id_, one in closings.items() if one.subscription_id in subscriptions]
    for id_ in left:
        del closings[id_]
    return len(left)


def _fail_in_locked_months(closings: dict[int, PeriodToClose], chunk: ClosedChunk, *, at: datetime) -> None:
    """Note those as failed whose document would be dated in a month that their seller has locked."""
    shut = find_locked_sellers({one.buyer.seller_id for one in closings.values() if not one.buyer.sandbox}, at=at)
    for id_ in [id_ for id_, one in closings.items() if one.buyer.seller_id in shut and not one.buyer.sandbox]:
        chunk.summary.failed.append(CloseFailure(id_, str(shut[closings.pop(id_).buyer.seller_id])))


def _attach_usage(
    closings: Mapping[int, PeriodToClose],
    counters: Mapping[int, Counters],
    late: Mapping[int, tuple[LatePeriod, ...]],
) -> None:
    """Give the periods their usage; late usage goes to the first regular one of its subscription."""
    left = dict(late)
    for id_, one in closings.items():
        one.counters = counters.get(id_, {})
        if one.kind == "regular":
            one.late_periods = left.pop(one.subscription_id, ())


def _assemble_each(
    closings: Mapping[int, PeriodToClose],
    held: PeriodStates,
    runs: Mapping[int, WindowRuns],
    sellers: Mapping[int, SellerTerms],
    chunk: ClosedChunk,
) -> dict[int, AssembledInvoice]:
    """
    Return the documents; a period that cannot be rated is noted as failed and stops nobody else.

    One that settles what the period before it claims in advance is left for a later pass until that is billed.
    """
    found: dict[int, AssembledInvoice] = {}
    for id_, one in closings.items():
        if one.blocking_period_id is not None and one.blocking_period_id not in found:
            chunk.summary.busy += 1
            continue
        try:
            if one.kind == "regular":
                one.counters = with_metered(one.counters, one.span, held)
                one.span = with_window_runs(one.span, runs)
            made = assemble_invoice(one, sellers[one.buyer.seller_id])
            if not all(claim.line_id for claim, _ in made.fee_reductions.values()):
                chunk.summary.busy += (
                    1  # its note corrects a document of this very chunk, which is to be issued first
                )
                continue
            found[id_] = made
            if one.next_period is not None and (after := closings.get(one.next_period.period_id)) is not None:
                after.billed_fees = fees_billed_for_next_period(one, made.draft)
        except Exception as error:
            chunk.summary.failed.append(CloseFailure(id_, describe_error(error)))
    return found


def describe_error(error: Exception) -> str:
    """Return an error as a reader of the failed period sees it, and as it can be stored."""
    return storable_error_text(f"{error or type(error).__name__} ({type(error).__name__})")


def is_issued(assembled: AssembledInvoice, seller: SellerTerms) -> bool:
    """Tell whether a document is issued: one that claims nothing only if the seller wants it, and it has lines."""
    draft = assembled.draft
    return not draft.is_zero or (seller.issues_zero_invoices and bool(draft.lines))


def _add_to_summary(chunk: ClosedChunk, assembled: Mapping[int, AssembledInvoice], issued: Sequence[int]) -> None:
    wanted = set(issued)
    for id_, one in assembled.items():
        chunk.invoices[id_] = one.draft.id if id_ in wanted else None
        chunk.summary.late_billed += len(one.late_billed)
        chunk.summary.late_left += len(one.late_left)
    documents = len(distinct_drafts(assembled[id_] for id_ in issued))
    chunk.summary.issued += documents
    chunk.summary.joined += len(issued) - documents
    chunk.summary.skipped += len(assembled) - len(issued)
