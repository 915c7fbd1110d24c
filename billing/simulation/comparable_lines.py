"""Turn an assembled invoice into the lines by which two versions are compared."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from billing.closing.lines.usage_lines import usage_lines
from billing.closing.records import AssembledInvoice, PeriodToClose, UsageSnapshot
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.rating_period import RatingPeriod
from billing.simulation.candidate.prepaid import PeriodGrants, drawdowns_for_period
from billing.simulation.history.invoiced_amounts import line_key, merge_lines
from billing.simulation.records import COMMITMENT, COUPON, ComparableLine, LineKey, PeriodBill, UnpricedQuantity
from invoices.documents.drafts import DraftLine
from invoices.documents.seller_terms import SellerTerms
from lib.decimals import to_plain_string


def compile_bill(
    closing: PeriodToClose,
    assembled: AssembledInvoice,
    seller: SellerTerms,
    *,
    grants: Mapping[str, PeriodGrants] = MappingProxyType({}),
    problems: tuple[str, ...] = (),
) -> PeriodBill:
    """
    Return the bill of a period.

    Amounts that an invoice would leave to a credit note or to a later invoice count as the period's own.
    """
    lines = list(_lines(closing, assembled))
    lines += [_fee_line(line) for _, line in assembled.fee_reductions.values()]
    if assembled.leaves_usage_late:
        keys = {line.key for line in lines}
        remaining = (_usage_line(closing.span, line, snapshot) for line, snapshot in usage_lines(closing, seller))
        lines += [line for line in remaining if line.key not in keys]
    return PeriodBill(merge_lines(lines), drawdowns_for_period(closing), grants, problems)


def describe_unpriced(unpriced: UnpricedQuantity) -> str:
    """Return a sentence about usage without a price."""
    dimensions = f" ({unpriced.detail})" if unpriced.detail else ""
    return f"{to_plain_string(unpriced.quantity)} {unpriced.unit} of {unpriced.name}{dimensions} have no price."


def _lines(closing: PeriodToClose, assembled: AssembledInvoice) -> Iterator[ComparableLine]:
    snapshots = {id(snapshot.line): snapshot for snapshot in assembled.snapshots}
    redemption_ids = {id(coupon_line.line): coupon_line.redemption_id for coupon_line in assembled.coupon_lines}
    codes = {coupon.redemption_id: coupon.code for coupon in closing.coupons}
    for line in assembled.draft.lines:
        if (snapshot := snapshots.get(id(line))) is not None:
            yield _usage_line(closing.span, line, snapshot)
        elif (redemption_id := redemption_ids.get(id(line))) is not None:
            yield _line(LineKey(f"{COUPON}:{codes[redemption_id]}"), line)
        elif line.fee_id is not None:
            yield _fee_line(line)
        else:
            yield _line(LineKey(COMMITMENT, line.kind), line)


def _usage_line(span: RatingPeriod, line: DraftLine, snapshot: UsageSnapshot) -> ComparableLine:
    feature = terms_for(span).by_plan_feature[snapshot.window.plan_feature_id]
    key = line_key(feature, snapshot.rate_id, snapshot.window.starts_at)
    return ComparableLine(key, line.description, snapshot.counted.used, line.unit, line.amount)


def _fee_line(line: DraftLine) -> ComparableLine:
    return _line(LineKey(line.subject, line.kind, line.service_start), line)


def _line(key: LineKey, line: DraftLine) -> ComparableLine:
    return ComparableLine(key, line.description, line.quantity, line.unit, line.amount)
