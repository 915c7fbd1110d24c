"""
Take what prepaid use costs from the wallets of whoever used it.

    counters are added to → draws are locked → their cost is rated anew → wallets are locked → the difference moves

What a draw costs is a function of what was counted, so the order of events, their batches and corrections never
change what all of it takes. The same locks in the same order everywhere: periods, counters, draws, wallets.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from billing.metering.drawdown import drawdown_rows
from billing.metering.drawdown.drawdown_rows import Drawn
from billing.metering.rating_inputs.aggregate_quantities import Held, read_held
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.multi_period_windows import Runs, read_runs
from billing.metering.rating_inputs.period_counters import Window, with_metered, with_runs
from billing.metering.rating_inputs.window_amounts import rate_window
from billing.metering.store.prepaid_windows import Used
from lib.currencies import CREDITS as CREDIT_PRICES
from lib.decimals import EXACT, ZERO
from lib.failpoints import reached
from plans.catalog.stored_terms import FeatureTerms
from wallets.credit_rules.allocation import edges_between
from wallets.credit_rules.at_zero_policy import AtZero
from wallets.credit_rules.units import rounded
from wallets.ledger import hold
from wallets.ledger.locked_wallets import Open, open_of_customers
from wallets.ledger.spend import Use, return_to, rule_of, take_from
from wallets.ledger.transactions import Sheet, write
from wallets.models import Hold
from wallets.models.wallets import CREDITS


class Divided(Exception):
    """
    Use of one batch lies on both sides of a moment at which lots begin or end, so it is to be drawn part by part.

    edges: those moments, in order.
    """

    def __init__(self, edges: Sequence[datetime]) -> None:
        super().__init__(f"{len(edges)} moments divide what was used")
        self.edges = edges


class Uncovered(Exception):
    """Wallets have less than what was used of a feature costs, and it does not go on at zero."""

    def __init__(self, customer: str, feature: str) -> None:
        super().__init__(f"{customer} has not enough for {feature}")
        self.customer, self.feature = customer, feature


def draw(used: Used, *, at: datetime, frees: Sequence[Hold] = (), is_strict: bool = False) -> None:
    """
    Bring what wallets have paid for these windows to what they cost by now, inside the caller's transaction.

    used: windows that were counted into, with the times of the use that is new; of a correction, with its own.
    frees: holds that the use was kept in, and that end with it. is_strict: refuse what wallets have not.

    :raises Divided: if lots begin or end between the times of one window.
    :raises Uncovered: if it is strict, and the rule at zero does not let the use go on.
    """
    if not used and not frees:
        return
    draws = drawdown_rows.locked(list(used)) if used else []
    priced = zip(draws, costs_of(draws), strict=True)
    wanted = [(one, feature, cost) for one, (feature, cost) in priced if cost != one.cost]
    if not wanted and not frees:
        return
    first = min([used[one.key][0] for one, _, _ in wanted] + [one.at for one in frees])
    of = [(one.customer_id, unit_of(feature)) for one, feature, _ in wanted]
    wallets = open_of_customers([*of, *((one.customer_id, one.unit) for one in frees)], used_at=first)
    for one in frees:
        hold.free(wallets[one.customer_id, one.unit], one, at=at)
    sheet = Sheet(at)
    for one, feature, cost in wanted:
        own = wallets[one.customer_id, unit_of(feature)]
        since, until = used[one.key]
        if edges := edges_between((lot for wallet in own for lot in wallet.lots.values()), since, until):
            raise Divided(edges)
        missing = _settle(one, feature, cost, own, until, sheet)
        if is_strict and missing:
            raise Uncovered(one.customer, feature.code)
    if sheet.postings or frees:
        write(sheet, [wallet for own in wallets.values() for wallet in own])
    drawdown_rows.write([one for one, _, _ in wanted])
    reached("draw.after_write")


def unit_of(feature: FeatureTerms) -> str:
    """Return what the wallets hold that pay for a feature."""
    return CREDITS if feature.wallet == CREDIT_PRICES else feature.wallet


def costs_of(draws: Sequence[Drawn]) -> list[tuple[FeatureTerms, Decimal]]:
    """Return the feature of each draw, and what all that was counted of it costs, by the one rating function."""
    spans = list({one.span.period_id: one.span for one in draws}.values())
    held, runs = read_held(spans), read_runs(spans)
    return [_cost_of(one, held, runs) for one in draws]


def _cost_of(one: Drawn, held: Held, runs: Mapping[int, Runs]) -> tuple[FeatureTerms, Decimal]:
    feature = terms_for(one.span).by_plan_feature[one.key.plan_feature_id]
    counted, span = one.counted, with_runs(one.span, runs)
    window = Window(one.key.plan_feature_id, one.key.window_start)
    if feature.metering.is_tallied:
        counted = with_metered({window: counted}, span, held).get(window, {})
    rated = rate_window(span, feature, counted, is_final=False, burns=True)
    before = ZERO if rated.before is None else rated.before.amount
    return feature, max(rounded(EXACT.subtract(rated.now.amount, before)), ZERO)


def _settle(
    one: Drawn, feature: FeatureTerms, cost: Decimal, wallets: Sequence[Open], used_at: datetime, sheet: Sheet
) -> Decimal:
    """
    Take what a draw costs more than before, or give back what it costs less.

    Return what was used although wallets had it not, and the rule at zero does not let it go on.
    """
    change = EXACT.subtract(cost, one.cost)
    reference = f"draw:{one.id}:{one.times}"
    one.cost, one.times = cost, one.times + 1
    if change < 0:
        change = _forgive(one, EXACT.minus(change))
        if change:
            of = {"feature_id": feature.feature_id, "draw": one.id, "reference": reference}
            return_to(wallets, change, **of, sheet=sheet)
        return ZERO
    use = Use(change, used_at, reference, feature.feature_id, AtZero(feature.at_zero), feature.grace, one.id)
    spent = take_from(wallets, use, sheet)
    at_zero, _ = rule_of(wallets[-1] if wallets else None, use)
    if at_zero is AtZero.OVERAGE and feature.beyond is not None:
        one.overage = EXACT.add(one.overage, spent.uncovered)
        return ZERO
    one.refused = EXACT.add(one.refused, spent.uncovered)
    return spent.uncovered


def _forgive(one: Drawn, less: Decimal) -> Decimal:
    """Take what a draw costs less from what the wallet had not first, and return the rest."""
    for name in ("refused", "overage"):
        missing = getattr(one, name)
        off = min(missing, less)
        setattr(one, name, EXACT.subtract(missing, off))
        less = EXACT.subtract(less, off)
    return less
