"""A document that was assembled, as the lines by which two versions are compared."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from billing.closing.lines.usage_lines import usage_lines
from billing.closing.records import Assembled, Closing, Snapshot
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.period_counters import Span
from billing.simulation.candidate.prepaid import Grants, burnt_in
from billing.simulation.history.invoiced_amounts import place_of, together
from billing.simulation.records import COMMITMENT, COUPON, Bill, Line, Place, Unpriced
from invoices.documents.drafts import DraftLine
from invoices.documents.seller_terms import SellerTerms
from lib.decimals import plain


def bill_of(
    closing: Closing,
    assembled: Assembled,
    seller: SellerTerms,
    *,
    granted: Mapping[str, Grants] = MappingProxyType({}),
    problems: tuple[str, ...] = (),
) -> Bill:
    """
    Return what a period comes to.

    What a document would leave to a credit note, or to a later document, is the period's all the same.
    """
    lines = list(_lines(closing, assembled))
    lines += [_of_fee(line) for _, line in assembled.given_back.values()]
    if assembled.is_left:
        known = {line.place for line in lines}
        more = (_of_usage(closing.span, *one) for one in usage_lines(closing, seller))
        lines += [line for line in more if line.place not in known]
    return Bill(together(lines), burnt_in(closing), granted, problems)


def in_words(unpriced: Unpriced) -> str:
    """Return usage without a price as a reader sees it."""
    of = f" ({unpriced.detail})" if unpriced.detail else ""
    return f"{plain(unpriced.quantity)} {unpriced.unit} of {unpriced.what}{of} have no price."


def _lines(closing: Closing, assembled: Assembled) -> Iterator[Line]:
    snapshots = {id(one.line): one for one in assembled.snapshots}
    redeemed = {id(line): redemption_id for line, redemption_id, _ in assembled.redeemed}
    codes = {held.redemption_id: held.code for held in closing.coupons}
    for line in assembled.draft.lines:
        if (snapshot := snapshots.get(id(line))) is not None:
            yield _of_usage(closing.span, line, snapshot)
        elif (redemption_id := redeemed.get(id(line))) is not None:
            yield _line(Place(f"{COUPON}:{codes[redemption_id]}"), line)
        elif line.fee_id is not None:
            yield _of_fee(line)
        else:
            yield _line(Place(COMMITMENT, line.kind), line)


def _of_usage(span: Span, line: DraftLine, snapshot: Snapshot) -> Line:
    feature = terms_for(span).by_plan_feature[snapshot.window.plan_feature_id]
    place = place_of(feature, snapshot.rate_id, snapshot.window.starts_at)
    return Line(place, line.description, snapshot.counted.used, line.unit, line.amount)


def _of_fee(line: DraftLine) -> Line:
    return _line(Place(line.subject, line.kind, line.service_start), line)


def _line(place: Place, line: DraftLine) -> Line:
    return Line(place, line.description, line.quantity, line.unit, line.amount)
