"""
Draw the cost of prepaid usage from the customers' wallets.

  counters are updated → drawdowns are locked → their cost is rated again → wallets are locked
  → the difference is posted

A drawdown's cost is a function of the counted usage, so the order of events, batches and corrections never changes
the total drawn. Locks are acquired in the same order everywhere: periods, counters, drawdowns, wallets.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from billing.metering.drawdown import drawdown_rows
from billing.metering.drawdown.drawdown_rows import DrawdownState
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.period_loader import RatingInputs, read_rating_inputs
from billing.metering.rating_inputs.rating_period import CounterWindow
from billing.metering.rating_inputs.window_amounts import WindowRating, rate_window
from billing.metering.store.prepaid_windows import DrawdownKey, UsageTimes
from lib.currencies import CREDITS as CREDIT_PRICES
from lib.decimals import EXACT, ZERO
from lib.failpoints import hit_failpoint
from plans.catalog.stored_terms import FeatureTerms
from plans.pricing.rating import Rating
from wallets.credit_rules.allocation import find_lot_boundaries
from wallets.credit_rules.at_zero_policy import AtZeroPolicy
from wallets.credit_rules.units import round_units
from wallets.ledger import hold
from wallets.ledger.locked_wallets import LockedWallet, lock_customer_wallets
from wallets.ledger.spend import SpendRequest, at_zero_rule, give_back, take_from_wallets
from wallets.ledger.transactions import Sheet, write
from wallets.models import Hold
from wallets.models.wallets import CREDITS


class SplitRequired(Exception):
    """
    One batch holds usage before and after the start or end of lots, so it must be drawn down in parts.

    boundaries: the times at which lots start or end, in order.
    """

    def __init__(self, edges: Sequence[datetime]) -> None:
        super().__init__(f"{len(edges)} times divide the usage")
        self.boundaries = edges


class InsufficientBalance(Exception):
    """The wallets can't cover the usage of a feature, and its at-zero rule doesn't let usage continue."""

    def __init__(self, customer: str, feature: str) -> None:
        super().__init__(f"{customer} has insufficient funds for {feature}")
        self.customer, self.feature = customer, feature


def draw_down(used: UsageTimes, *, at: datetime, frees: Sequence[Hold] = (), is_strict: bool = False) -> None:
    """
    Adjust the drawdowns of these windows to the present cost of their usage, inside the caller's transaction.

    used: windows that were counted into, with the first and last time of the new usage, or of the corrected usage.
    frees: holds that reserved the usage, released here.
    is_strict: refuse usage that wallets can't cover.

    :raises SplitRequired: if lots start or end between the times of one window.
    :raises InsufficientBalance: if `is_strict` and the at-zero rule doesn't let the usage continue.
    """
    if not used and not frees:
        return
    drawdowns = drawdown_rows.lock_drawdowns(list(used)) if used else []
    priced = zip(drawdowns, rate_drawdowns(drawdowns), strict=True)
    # Usage within an allowance changes no cost, and then no wallet is locked.
    changed = [(drawdown, feature, cost) for drawdown, (feature, cost) in priced if cost != drawdown.cost]
    if not changed and not frees:
        return
    first = min([used[drawdown.key][0] for drawdown, _, _ in changed] + [freed.at for freed in frees])
    customer_units = [(drawdown.customer_id, wallet_unit(feature)) for drawdown, feature, _ in changed]
    # All wallets at once and in order: a batch of many customers can't deadlock with another one.
    wallets = lock_customer_wallets(
        [*customer_units, *((freed.customer_id, freed.unit) for freed in frees)], used_at=first
    )
    for freed in frees:
        hold.release_locked(wallets[freed.customer_id, freed.unit], freed, at=at)
    sheet = Sheet(at)
    for drawdown, feature, cost in changed:
        # A wallet holds what its customer paid to its seller, so it pays for usage of that seller only.
        customer_wallets = [
            wallet
            for wallet in wallets[drawdown.customer_id, wallet_unit(feature)]
            if wallet.seller_id == drawdown.seller_id
        ]
        since, until = used[drawdown.key]
        # Which lots pay depends on the time of use, so the usage must be on one side of each boundary.
        if boundaries := find_lot_boundaries(
            (lot for wallet in customer_wallets for lot in wallet.lots.values()), since, until
        ):
            raise SplitRequired(boundaries)
        missing = _settle(drawdown, feature, cost, customer_wallets, until, sheet)
        if is_strict and missing:
            raise InsufficientBalance(drawdown.customer, feature.code)
    if sheet.transactions or frees:
        write(sheet, [wallet for customer_wallets in wallets.values() for wallet in customer_wallets])
    drawdown_rows.write_drawdowns([drawdown for drawdown, _, _ in changed])
    hit_failpoint("draw.after_write")


def wallet_unit(feature: FeatureTerms) -> str:
    """Return the unit of the wallets that pay for a feature: credits or a currency."""
    return CREDITS if feature.wallet == CREDIT_PRICES else feature.wallet


def rate_drawdowns(drawdowns: Sequence[DrawdownState]) -> list[tuple[FeatureTerms, Decimal]]:
    """
    Return each drawdown's feature and the cost of all its counted usage, rated by the rating function of invoices.
    """
    periods = list({drawdown.period.period_id: drawdown.period for drawdown in drawdowns}.values())
    inputs = read_rating_inputs(periods)
    return [_compute_cost(drawdown, inputs) for drawdown in drawdowns]


def rate_prepaid_window(key: DrawdownKey) -> Rating | None:
    """Return the usage of a window at the price that wallets pay, as it is counted now; None without a drawdown."""
    drawdowns = drawdown_rows.read_drawdowns([key])
    if not drawdowns:
        return None
    return _rate(drawdowns[0], read_rating_inputs([drawdowns[0].period]))[1].now


def _rate(drawdown: DrawdownState, inputs: RatingInputs) -> tuple[FeatureTerms, WindowRating]:
    feature = terms_for(drawdown.period).by_plan_feature[drawdown.key.plan_feature_id]
    window = CounterWindow(drawdown.key.plan_feature_id, drawdown.key.window_start)
    billable = inputs.complete(drawdown.period, {window: drawdown.counted}, feature=feature)
    counters = billable.counters[window]
    return feature, rate_window(billable.span, feature, counters, is_final=False, is_drawdown=True)


def _compute_cost(drawdown: DrawdownState, inputs: RatingInputs) -> tuple[FeatureTerms, Decimal]:
    feature, rated = _rate(drawdown, inputs)
    # A wallet pays for the increase only: earlier periods of the window have paid for their part.
    before = ZERO if rated.before is None else rated.before.amount
    return feature, max(round_units(EXACT.subtract(rated.now.amount, before)), ZERO)


def _settle(
    drawdown: DrawdownState,
    feature: FeatureTerms,
    cost: Decimal,
    wallets: Sequence[LockedWallet],
    used_at: datetime,
    sheet: Sheet,
) -> Decimal:
    """
    Draw the increase of a drawdown's cost, or give back the decrease.

    Return the uncovered amount that the at-zero rule doesn't let continue.
    """
    change = EXACT.subtract(cost, drawdown.cost)
    # Each drawdown of a row has its own reference, so that a retry can't post it twice.
    reference = f"draw:{drawdown.id}:{drawdown.times}"
    drawdown.cost, drawdown.times = cost, drawdown.times + 1
    if change < 0:
        change = _reduce_uncovered(drawdown, EXACT.minus(change))
        if change:
            give_back(
                wallets,
                change,
                feature_id=feature.feature_id,
                draw=drawdown.id,
                reference=reference,
                sheet=sheet,
            )
        return ZERO
    use = SpendRequest(
        change,
        used_at,
        reference,
        feature.feature_id,
        AtZeroPolicy(feature.at_zero),
        feature.overdraft_limit,
        drawdown.id,
    )
    spent = take_from_wallets(wallets, use, sheet)
    at_zero, _ = at_zero_rule(wallets[-1] if wallets else None, use)
    # The period's invoice charges this part.
    if at_zero is AtZeroPolicy.OVERAGE and feature.uncovered_charge is not None:
        drawdown.overage = EXACT.add(drawdown.overage, spent.uncovered)
        return ZERO
    drawdown.refused = EXACT.add(drawdown.refused, spent.uncovered)
    return spent.uncovered


def _reduce_uncovered(drawdown: DrawdownState, decrease: Decimal) -> Decimal:
    """Apply a decrease of the cost to the uncovered amounts first, and return the rest."""
    # Refused amounts first, because no invoice charges them.
    for name in ("refused", "overage"):
        uncovered = getattr(drawdown, name)
        reduction = min(uncovered, decrease)
        setattr(drawdown, name, EXACT.subtract(uncovered, reduction))
        decrease = EXACT.subtract(decrease, reduction)
    return decrease
