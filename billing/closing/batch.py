"""Close a set of periods in one transaction, in a fixed number of statements, whatever their number."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from billing.closing.commitments.contract_state import read_contracts
from billing.closing.consolidation.consolidated_invoices import drafts_of, groups_of, hold_back, join
from billing.closing.consolidation.locks import companions, lock
from billing.closing.credit_notes import notes_of
from billing.closing.invoice_assembly import assemble
from billing.closing.invoice_writer import write
from billing.closing.lines.coupon_discounts import read_coupons
from billing.closing.lines.quantity_lines import claims_after, fill_in_quantities
from billing.closing.period_locks import claim_late, hold_documents
from billing.closing.period_reader import read_closings, read_counters, read_late, read_progress
from billing.closing.records import Assembled, Closing, Late
from billing.closing.result import Closed, Failure
from billing.metering.rating_inputs.aggregate_quantities import Held, read_held
from billing.metering.rating_inputs.multi_period_windows import Runs, read_runs
from billing.metering.rating_inputs.period_counters import Counters, with_metered, with_runs
from billing.metering.rating_inputs.plan_change_carryover import NOT_BILLED_YET
from billing.metering.store.events import high_water_mark
from billing.subscriptions.periods.generation import AHEAD, follow
from invoices.documents.month_lock import shut_at
from invoices.documents.seller_terms import SellerTerms, read_sellers
from lib.error_text import readable
from lib.failpoints import reached


@dataclass(slots=True)
class Chunk:
    """
    What was done to a set of locked periods; nothing of it is committed yet.

    invoices: period → its invoice, None where nothing was due. over: subscriptions with no period to follow.
    """

    closed: Closed = field(default_factory=Closed)
    invoices: dict[int, int | None] = field(default_factory=dict)
    over: list[int] = field(default_factory=list)


def close_locked(
    period_ids: Sequence[int],
    *,
    at: datetime,
    late: Mapping[int, Sequence[int]] | None = None,
    joins: bool = True,
) -> Chunk:
    """
    Bill and close open periods that the caller's transaction holds locked FOR UPDATE.

    late: subscription → its late periods, locked as well; claimed without waiting where absent, and a subscription
    whose late periods somebody else holds is left for a later pass.
    joins: where a customer wants one document, bill what goes on it as well, or nothing of it.

    All reads come after the locks and in statements of their own, so they see whatever ingest had committed before it
    let go of the periods; the sequence's high-water mark is read then, too. From here on usage is late.
    """
    chunk = Chunk()
    closings = _read(period_ids, at=at)
    if joins and any(one.joins_at for one in closings.values()):
        closings = _gather(closings, chunk, at=at)
    groups = groups_of(closings.values()) if joins else {}
    chunk.closed.busy += put_off(closings)
    if late is None:
        late, held = claim_late([one.subscription_id for one in closings.values() if one.kind == "regular"])
        chunk.closed.busy += _leave_out(closings, held)
    begun = [id_ for id_, one in closings.items() if one.is_begun]
    hold_documents([*(id_ for ids in late.values() for id_ in ids), *begun])
    mark = high_water_mark()
    sellers = read_sellers({one.buyer.seller_id for one in closings.values()})
    _set_aside_locked(closings, chunk, at=at)
    assembled = assemble_all(closings, late, sellers, chunk)
    if groups:
        hold_back(assembled, closings, groups, chunk.closed, at=at)
        join(assembled, groups)
    issued = [id_ for id_, one in assembled.items() if is_issued(one, sellers[one.draft.seller_id])]
    notes = notes_of(assembled)
    write(assembled, is_issued=issued, notes=notes, high_water_mark=mark, at=at)
    _count(chunk, assembled, issued)
    chunk.closed.credited += len(notes)
    chunk.over = [closings[id_].subscription_id for id_ in assembled if not closings[id_].goes_on]
    return chunk


def assemble_all(
    closings: dict[int, Closing],
    late: Mapping[int, Sequence[int]],
    sellers: Mapping[int, SellerTerms],
    chunk: Chunk,
) -> dict[int, Assembled]:
    """
    Return the documents of these periods, in a fixed number of reads; who must wait is left out and counted as busy.

    late: subscription → its late periods, billed by the first regular one of it.
    """
    _fill_in_usage(closings, read_counters(list(closings)), read_late(late))
    fill_in_quantities(closings)
    read_progress(closings)
    for id_ in read_contracts(closings.values()):
        del closings[id_]
        chunk.closed.busy += 1
    read_coupons(closings)
    regular = [one.span for one in closings.values() if one.kind == "regular"]
    entered = read_held(regular), read_runs(regular)
    reached("close.after_reads")
    return _assemble(closings, *entered, sellers, chunk)


def _read(period_ids: Sequence[int], *, at: datetime) -> dict[int, Closing]:
    """Return the periods in the order given, each with the one that follows it, which is made if it is missing."""
    found = read_closings(period_ids)
    last = [one for one in found.values() if one.kind == "regular" and one.goes_on and one.following is None]
    if last:
        ids = [one.span.period_id for one in last]
        follow(subscription_ids=[one.subscription_id for one in last], last_period_ids=ids, until=at + AHEAD)
        found |= read_closings(ids)
    return {id_: found[id_] for id_ in period_ids}


def _gather(closings: dict[int, Closing], chunk: Chunk, *, at: datetime) -> dict[int, Closing]:
    """
    Return the periods with those that go on the same documents, locked without waiting.

    Where somebody else holds one of these, all of its document is left for a later pass.
    """
    others = companions([id_ for id_, one in closings.items() if one.joins_at])
    wanted = {id_ for ids in others.values() for id_ in ids} - closings.keys()
    had = lock(sorted(wanted)) if wanted else set()
    added = _read(sorted(had), at=at)
    found: dict[int, Closing] = {}
    for id_, one in closings.items():
        beside = others.get(id_, [])
        if any(other in wanted and other not in had for other in beside):
            chunk.closed.busy += 1
            continue
        found[id_] = one
        # The end of one may have moved since it was found.
        found |= {other: added[other] for other in beside if other in added and _fits(added[other], one)}
    return found


def _fits(other: Closing, one: Closing) -> bool:
    return (other.span.ends_at, other.joins_at) == (one.span.ends_at, one.joins_at)


def put_off(closings: dict[int, Closing]) -> int:
    """Drop the periods that continue one that is not billed yet, for a later pass, and return how many they were."""
    waiting = [id_ for id_, one in closings.items() if one.span.continued == NOT_BILLED_YET]
    for id_ in waiting:
        del closings[id_]
    return len(waiting)


def _leave_out(closings: dict[int, Closing], held: Iterable[int]) -> int:
    """Drop the periods of these subscriptions, and return how many they were."""
    subscriptions = set(held)
    left = [id_ for id_, one in closings.items() if one.subscription_id in subscriptions]
    for id_ in left:
        del closings[id_]
    return len(left)


def _set_aside_locked(closings: dict[int, Closing], chunk: Chunk, *, at: datetime) -> None:
    """Note those as failed whose document would be dated in a month that their seller has locked."""
    shut = shut_at({one.buyer.seller_id for one in closings.values() if not one.buyer.sandbox}, at=at)
    for id_ in [id_ for id_, one in closings.items() if one.buyer.seller_id in shut and not one.buyer.sandbox]:
        chunk.closed.failed.append(Failure(id_, str(shut[closings.pop(id_).buyer.seller_id])))


def _fill_in_usage(
    closings: Mapping[int, Closing], counters: Mapping[int, Counters], late: Mapping[int, tuple[Late, ...]]
) -> None:
    """Give the periods their usage; late usage goes to the first regular one of its subscription."""
    left = dict(late)
    for id_, one in closings.items():
        one.counters = counters.get(id_, {})
        if one.kind == "regular":
            one.late = left.pop(one.subscription_id, ())


def _assemble(
    closings: Mapping[int, Closing],
    held: Held,
    runs: Mapping[int, Runs],
    sellers: Mapping[int, SellerTerms],
    chunk: Chunk,
) -> dict[int, Assembled]:
    """
    Return the documents; a period that cannot be rated is noted as failed and stops nobody else.

    One that settles what the period before it claims in advance is left for a later pass until that is billed.
    """
    found: dict[int, Assembled] = {}
    for id_, one in closings.items():
        if one.waits_for is not None and one.waits_for not in found:
            chunk.closed.busy += 1
            continue
        try:
            if one.kind == "regular":
                one.counters = with_metered(one.counters, one.span, held)
                one.span = with_runs(one.span, runs)
            made = assemble(one, sellers[one.buyer.seller_id])
            if not all(claim.line_id for claim, _ in made.given_back.values()):
                chunk.closed.busy += 1  # its note corrects a document of this very chunk, which is to be issued first
                continue
            found[id_] = made
            if one.following is not None and (after := closings.get(one.following.period_id)) is not None:
                after.claimed = claims_after(one, made.draft)
        except Exception as error:
            chunk.closed.failed.append(Failure(id_, in_words(error)))
    return found


def in_words(error: Exception) -> str:
    """Return an error as a reader of the failed period sees it, and as it can be stored."""
    return readable(f"{error or type(error).__name__} ({type(error).__name__})")


def is_issued(assembled: Assembled, seller: SellerTerms) -> bool:
    """Tell whether a document is issued: one that claims nothing only if the seller wants it, and it has lines."""
    draft = assembled.draft
    return not draft.is_zero or (seller.issues_zero_invoices and bool(draft.lines))


def _count(chunk: Chunk, assembled: Mapping[int, Assembled], issued: Sequence[int]) -> None:
    wanted = set(issued)
    for id_, one in assembled.items():
        chunk.invoices[id_] = one.draft.id if id_ in wanted else None
        chunk.closed.late_billed += len(one.late_billed)
        chunk.closed.late_left += len(one.late_left)
    documents = len(drafts_of(assembled[id_] for id_ in issued))
    chunk.closed.issued += documents
    chunk.closed.joined += len(issued) - documents
    chunk.closed.skipped += len(assembled) - len(issued)
