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
from billing.metering.drawdown.drawdown_rows import DrawdownState
from billing.metering.rating_inputs.aggregate_quantities import PeriodStates, read_states
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.multi_period_windows import WindowRuns, read_window_runs
from billing.metering.rating_inputs.period_counters import UsageWindow, with_metered, with_window_runs
from billing.metering.rating_inputs.window_amounts import rate_window
from billing.metering.store.prepaid_windows import UsageTimes
from lib.currencies import CREDITS as CREDIT_PRICES
from lib.decimals import EXACT, ZERO
from lib.failpoints import hit_failpoint
from plans.catalog.stored_terms import FeatureTerms
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
    Use of one batch lies on both sides of a moment at which lots begin or end, so it is to be drawn part by part.

    edges: those moments, in order.
    """

    def __init__(self, edges: Sequence[datetime]) -> None:
        super().__init__(f"{len(edges)} moments divide what was used")
        self.boundaries = edges


class InsufficientBalance(Exception):
    """Wallets have less than what was used of a feature costs, and it does not go on at zero."""

    def __init__(self, customer: str, feature: str) -> None:
        super().__init__(f"{customer} has not enough for {feature}")
        self.customer, self.feature = customer, feature


def draw_down(used: UsageTimes, *, at: datetime, frees: Sequence[Hold] = (), is_strict: bool = False) -> None:
    """
    Bring what wallets have paid for these windows to what they cost by now, inside the caller's transaction.

    used: windows that were counted into, with the times of the use that is new; of a correction, with its own.
    frees: holds that the use was kept in, and that end with it. is_strict: refuse what wallets have not.

    :raises Divided: if lots begin or end between the times of one window.
    :raises Uncovered: if it is strict, and the rule at zero does not let the use go on.
    """
    if not used and not frees:
        return
    draws = drawdown_rows.lock_drawdowns(list(used)) if used else []
    priced = zip(draws, rate_drawdowns(draws), strict=True)
    wanted = [(one, feature, cost) for one, (feature, cost) in priced if cost != one.cost]
    if not wanted and not frees:
        return
    first = min([used[one.key][0] for one, _, _ in wanted] + [one.at for one in frees])
    of = [(one.customer_id, wallet_unit(feature)) for one, feature, _ in wanted]
    wallets = lock_customer_wallets([*of, *((one.customer_id, one.unit) for one in frees)], used_at=first)
    for one in frees:
        hold.release_locked(wallets[one.customer_id, one.unit], one, at=at)
    sheet = Sheet(at)
    for one, feature, cost in wanted:
        own = wallets[one.customer_id, wallet_unit(feature)]
        since, until = used[one.key]
        if edges := find_lot_boundaries((lot for wallet in own for lot in wallet.lots.values()), since, until):
            raise SplitRequired(edges)
        missing = _settle(one, feature, cost, own, until, sheet)
        if is_strict and missing:
            raise InsufficientBalance(one.customer, feature.code)
    if sheet.transactions or frees:
        write(sheet, [wallet for own in wallets.values() for wallet in own])
    drawdown_rows.write_drawdowns([one for one, _, _ in wanted])
    hit_failpoint("draw.after_write")


def wallet_unit(feature: FeatureTerms) -> str:
    """Return what the wallets hold that pay for a feature."""
    return CREDITS if feature.wallet == CREDIT_PRICES else feature.wallet


def rate_drawdowns(draws: Sequence[DrawdownState]) -> list[tuple[FeatureTerms, Decimal]]:
    """Return the feature of each draw, and what all that was counted of it costs, by the one rating function."""
    spans = list({one.span.period_id: one.span for one in draws}.values())
    held, runs = read_states(spans), read_window_runs(spans)
    return [_cost_of(one, held, runs) for one in draws]


def _cost_of(one: DrawdownState, held: PeriodStates, runs: Mapping[int, WindowRuns]) -> tuple[FeatureTerms, Decimal]:
    feature = terms_for(one.span).by_plan_feature[one.key.plan_feature_id]
    counted, span = one.counted, with_window_runs(one.span, runs)
    window = UsageWindow(one.key.plan_feature_id, one.key.window_start)
    if feature.metering.needs_aggregate_state:
        counted = with_metered({window: counted}, span, held).get(window, {})
    rated = rate_window(span, feature, counted, is_final=False, is_drawdown=True)
    before = ZERO if rated.before is None else rated.before.amount
    return feature, max(round_units(EXACT.subtract(rated.now.amount, before)), ZERO)


def _settle(
    one: DrawdownState,
    feature: FeatureTerms,
    cost: Decimal,
    wallets: Sequence[LockedWallet],
    used_at: datetime,
    sheet: Sheet,
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
            give_back(wallets, change, **of, sheet=sheet)
        return ZERO
    use = SpendRequest(
        change, used_at, reference, feature.feature_id, AtZeroPolicy(feature.at_zero), feature.overdraft_limit, one.id
    )
    spent = take_from_wallets(wallets, use, sheet)
    at_zero, _ = at_zero_rule(wallets[-1] if wallets else None, use)
    if at_zero is AtZeroPolicy.OVERAGE and feature.uncovered_charge is not None:
        one.overage = EXACT.add(one.overage, spent.uncovered)
        return ZERO
    one.refused = EXACT.add(one.refused, spent.uncovered)
    return spent.uncovered


def _forgive(one: DrawdownState, less: Decimal) -> Decimal:
    """Take what a draw costs less from what the wallet had not first, and return the rest."""
    for name in ("refused", "overage"):
        missing = getattr(one, name)
        off = min(missing, less)
        setattr(one, name, EXACT.subtract(missing, off))
        less = EXACT.subtract(less, off)
    return less
