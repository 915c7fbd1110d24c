"""Runs a case of wallets.json on our own ledger, by its kind."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.metering.ingest.event_recorder import record_events
from billing.metering.ingest.parser import parse_events
from billing.models import Drawdown
from lib.currencies import CREDITS
from lib.money import round_money
from plans.pricing.charge_models import PerUnit
from plans.pricing.rating import PriceTerms, RateTerms, rate_usage
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, publish, rate, subscribe
from tests.golden.case_figures import Figures
from tests.golden.cases import Case
from tests.golden.period_cases import to_text
from tests.golden.wallet_ongoing import ongoing
from tests.golden.wallet_payments import apply_to_invoices
from tests.golden.wallet_steps import AT_ZERO, DAYS, MORE_THAN_ANY, WalletRun, feature_id, moment
from wallets.credit_rules.at_zero_policy import AtZeroPolicy
from wallets.credit_rules.packs import Slab, compute_bonus, find_slab, price_purchase
from wallets.credit_rules.topup_rule import is_cooldown_over, is_due, threshold_from_percent
from wallets.credit_rules.units import InvalidAmount, round_units
from wallets.ledger.errors import LedgerRefused
from wallets.ledger.grant import Grant, grant
from wallets.ledger.locked_wallets import lock_customer_wallets
from wallets.ledger.spend import SpendRequest, give_back, take_from_wallets
from wallets.ledger.transactions import Sheet, write
from wallets.models import Lot, Transaction, Wallet

D = Decimal
NONE = D(0)
START, END = datetime.fromisoformat("2024-01-01T00:00:00Z"), datetime.fromisoformat("2024-01-02T00:00:00Z")
HOUR = timedelta(hours=1)
USAGE = "charge"
"""What cases call a fee for usage, the only kind that wallets pay when it is used."""


def figures(case: Case) -> Figures:
    """Return the results of our wallets for a case."""
    return RUNNERS[case["kind"]](case)


def run_wallet(case: Case) -> tuple[WalletRun, list[datetime]]:
    params = case["params"]
    resets = [moment(at) for at in params.get("resets", ())]
    wallet_run = WalletRun(case["unit"], start=moment(params["start"]), until=moment(params["until"]))
    # The grant's number is our last tie-breaker, so grants are made in the order of their creation.
    for grant_params in sorted(
        params["grants"], key=lambda grant_params: grant_params.get("created_at", grant_params["id"])
    ):
        wallet_run.will_grant(grant_params, resets)
    for number, use in enumerate(params["usage"]):
        wallet_run.will_use(use, number, AT_ZERO[params.get("overage", "carry")])
    wallet_run.run()
    # With us a debt is always kept for the next lot, so a case that drops it must have none.
    assert params.get("preserve_overage", True) or not wallet_run.has_repaid()
    return wallet_run, resets


def burndown(case: Case) -> Figures:
    wallet_run, resets = run_wallet(case)
    return {
        "balances": {grant["id"]: wallet_run.left(grant["id"]) for grant in case["params"]["grants"]},
        "total": wallet_run.wallet.balance,
        "overage": wallet_run.wallet.debt,
        "errors": wallet_run.errors,
        "ledger": wallet_run.ledger(),
        "usage_since_reset": wallet_run.used_since(resets[-1]) if resets else NONE,
    }


def entitlement(case: Case) -> Figures:
    wallet_run, resets = run_wallet(case)
    since = resets[-1] if resets else wallet_run.start
    return {
        "usage": wallet_run.used_since(since),
        "balance": wallet_run.wallet.balance + wallet_run.wallet.debt,
        "overage": wallet_run.wallet.debt,
    }


def collect(case: Case) -> Figures:
    params = case["params"]
    wallet_run = WalletRun(case["unit"], start=START, until=END)
    for grant_params in sorted(params["grants"], key=lambda grant: grant["id"]):
        wallet_run.will_grant(grant_params, [])
    wallet_run.until = START
    wallet_run.run()
    spent = wallet_run.spend(D(params["amount"]), START, "use", AT_ZERO[params["overage"]], params["feature"])
    ledger = [{name: entry[name] for name in ("grant", "amount")} for entry in wallet_run.ledger()]
    return {"ledger": ledger, "collected": spent.units}


def grant_active_at(case: Case) -> Figures:
    """A grant is active at a time if it pays for usage of that time."""
    at = moment(case["params"]["at"])
    wallet_run = WalletRun(case["unit"], start=at, until=at)
    wallet_run.will_grant(_dated_grant(case["params"]["grant"]), [])
    try:
        wallet_run.run()
        wallet_run.spend(D(1), at, "use", AtZeroPolicy.BLOCK)
    except LedgerRefused:
        return {"active": False}
    return {"active": True}


def grant_effective_period(case: Case) -> Figures:
    """A grant is in effect until it expires or is used up."""
    wallet_run = WalletRun(case["unit"], start=START, until=END)
    wallet_run.will_grant(_dated_grant(case["params"]["grant"]), [])
    wallet_run.run()
    lot = Lot.objects.get()
    emptied = Transaction.objects.filter(balance_after=0).order_by("id").first()
    ends = [at for at in (lot.expires_at, emptied and emptied.at) if at]
    return {"from": to_text(lot.valid_from), "to": to_text(min(ends)) if ends else None}


def _dated_grant(dates: dict[str, Any]) -> dict[str, Any]:
    """Return a grant of which a case says only when it begins and ends."""
    names = ("effective_at", "expires_at", "deleted_at", "voided_at")
    return {"id": "g", "amount": "5", "priority": "1", **{name: dates[name] for name in names}}


# Several wallets ----------------------------------------------------------------------------------------------------


def allocation(case: Case) -> Figures:
    """
    Draw the current cost of each fee from the wallets of one customer.

    The earlier cost of a fee was drawn from the first wallet, whose balance is the remainder; an excess was credited
    when it became known.
    """
    params, customer = case["params"], make_customer("acme")
    assert all(fee["currency"] == case["unit"] and fee["target_wallet"] is None for fee in params["fees"])
    wallets = {wallet["id"]: _make_wallet(wallet, customer) for wallet in params["wallets"]}
    fees = [(number, fee, _net(fee)) for number, fee in enumerate(params["fees"], start=1)]
    first = min(params["wallets"], key=lambda wallet: int(wallet["priority"]))
    for number, fee_params, _ in fees:
        if D(fee_params["already_billed"]):
            _grant(wallets[first["id"]], D(fee_params["already_billed"]), f"before:{number}", priority=1)
            _settle(customer.pk, case["unit"], number, fee_params, D(fee_params["already_billed"]))
    for number, fee_params, net in sorted(fees, key=lambda fee: fee[2] > 0):
        _settle(customer.pk, case["unit"], number, fee_params, net)
    balances = dict(Wallet.objects.values_list("pk", "balance"))
    ongoing = {id_: balances[pk] for id_, pk in wallets.items()}
    return {
        "allocated": {wallet["id"]: D(wallet["balance"]) - ongoing[wallet["id"]] for wallet in params["wallets"]},
        "ongoing": ongoing,
    }


def _net(fee: dict[str, Any]) -> Decimal:
    return D(fee["usage"]) + D(fee["draft"]) - D(fee["already_billed"])


def _make_wallet(wallet_params: dict[str, Any], customer: Any) -> int:
    wallet = Wallet.objects.create(
        customer=customer,
        name=wallet_params["id"],
        unit=wallet_params["currency"],
        currency=wallet_params["currency"],
        priority=wallet_params["priority"],
    )
    kinds = [] if USAGE in (wallet_params["fee_types"] or [USAGE]) else wallet_params["fee_types"]
    _grant(
        wallet.pk,
        D(wallet_params["balance"]),
        "balance",
        features=[feature_id(name) for name in wallet_params["metrics"] or kinds],
    )
    return wallet.pk


def _grant(wallet_id: int, amount: Decimal, source: str, *, at: datetime = START, **conditions: Any) -> None:
    grant(wallet_id=wallet_id, grants=[Grant("purchased", amount, source, cost=amount, **conditions)], at=at)


def _settle(customer_id: int, unit: str, draw: int, fee: dict[str, Any], change: Decimal) -> None:
    assert fee["fee_type"] == USAGE
    opened = lock_customer_wallets([(customer_id, unit)], used_at=START)[customer_id, unit]
    sheet, feature = Sheet(START), feature_id(fee["metric"])
    reference = f"draw:{draw}:{change}"
    if change > 0:
        use = SpendRequest(change, START, reference, feature, AtZeroPolicy.GRACE, MORE_THAN_ANY, draw)
        assert take_from_wallets(opened, use, sheet).uncovered == 0
    else:
        give_back(opened, -change, feature_id=feature, draw=draw, reference=reference, sheet=sheet)
    write(sheet, opened)


# Amounts ------------------------------------------------------------------------------------------------------------


def conversion(case: Case) -> Figures:
    """Return the cost of credits above the balance: each at its price in money."""
    terms = PriceTerms(case["currency"], (RateTerms(0, (), PerUnit(D(case["params"]["credit_value"]))),))
    return {"amount": rate_usage(terms, {0: D(case["params"]["credits"])}).amount}


def credit_rounding(case: Case) -> Figures:
    params, currency = case["params"], case["currency"]
    credits, value = round_units(D(params["credits"])), D(params["credit_value"])
    wallet_run = WalletRun("credits", start=START, until=END)
    _grant(wallet_run.wallet.pk, D(params.get("balance", credits)), "pack")
    if params["operation"] == "void":
        wallet_run.lots = {lot.pk: "pack" for lot in Lot.objects.all()}
        wallet_run.will_use({"at": to_text(START), "amount": str(credits), "reason": "void"}, 1, AtZeroPolicy.BLOCK)
        wallet_run.run()
    after = Wallet.objects.get().balance
    return {
        "amount": round_money(credits * value, currency),
        "credits": credits,
        "credits_after": after,
        "balance_after": round_money(after * value, currency),
    }


def error(case: Case) -> Figures:
    assert case["params"]["operation"] == "top_up"
    wallet_run = WalletRun(case["unit"], start=START, until=END)
    try:
        _grant(wallet_run.wallet.pk, D(case["params"]["credits"]), "pack")
    except InvalidAmount:
        return {"error": "invalid_amount"}
    return {"error": None}


# Packs and top-ups --------------------------------------------------------------------------------------------------


def bonus_slab(case: Case) -> Figures:
    slabs, units = [], D(case["params"]["credits"])
    for slab in case["params"]["slabs"]:
        assert slab["operator"] == ">="
        name = {"flat": "units", "percentage": "percent"}[slab["bonus_type"]]
        slabs.append(Slab(D(slab["threshold"]), **{name: D(slab["bonus"])}))
    reached_slab = find_slab(units, slabs)
    return {
        "slab_threshold": reached_slab and reached_slab.least,
        "bonus_credits": reached_slab and compute_bonus(units, reached_slab),
    }


def auto_topup_loop(case: Case) -> Figures:
    """Evaluate the rule twice at the same time: a top-up just made is pending."""
    params, bought_at = case["params"], []
    wallet_run = WalletRun(case["unit"], start=START, until=END)
    _grant(wallet_run.wallet.pk, D(params["balance"]), "balance")
    cooldown = timedelta(days=DAYS[params["cooldown"]])
    for number in range(2):
        last = bought_at[-1] if bought_at else None
        if is_due(balance_of(wallet_run.wallet), D(params["threshold"])) and is_cooldown_over(last, cooldown, START):
            _grant(wallet_run.wallet.pk, D(params["amount"]), f"topup:{number}")
            bought_at.append(START)
    return {"topups": len(bought_at), "balance_after": balance_of(wallet_run.wallet)}


def auto_reload(case: Case) -> Figures:
    params, first_topup = case["params"], {}
    pack, price = D(params["pack_credits"]), D(params["pack_price"])
    threshold = threshold_from_percent(D(params["reload_below_fraction"]) * 100, pack)
    wallet_run = WalletRun(case["unit"], start=START, until=END)
    purchases = [price_purchase(pack, price, case["currency"], ())]
    _grant(wallet_run.wallet.pk, pack, "pack:1")
    for number in range(1, int(params["runs"]) + 1):
        after = wallet_run.spend(D(params["credits_per_run"]), START, str(number), AtZeroPolicy.BLOCK).balance
        if is_due(after, threshold):
            first_topup = first_topup or {"reload_after_run": number, "balance_before_reload": after}
            purchases.append(price_purchase(pack, price, case["currency"], ()))
            _grant(wallet_run.wallet.pk, pack, f"pack:{len(purchases)}")
    return first_topup | {
        "balance_after": balance_of(wallet_run.wallet),
        "packs_bought": len(purchases),
        "charged": sum((purchase.net for purchase in purchases), NONE),
    }


# Prepaid usage through ingest
# ----------------------------------------------------------------------------------------


def prepaid(
    unit: str,
    amount: Decimal,
    offered: dict[str, Any],
    starts_at: datetime,
    *,
    source: str = "paid in",
    **conditions: Any,
) -> Wallet:
    customer = make_customer("acme")
    subscribe(customer, publish(make_plan(offers=[offer(**offered)]), at=starts_at), starts_at=starts_at)
    wallet = Wallet.objects.create(customer=customer, unit=unit)
    _grant(wallet.pk, amount, source, at=starts_at, **conditions)
    return wallet


def send(*sent: dict[str, Any], at: datetime) -> None:
    """Record events as the API does."""
    events, refused, _ = parse_events(json.dumps(sent).encode(), sandbox=False, at=at, oldest=START, newest=at)
    assert refused == []
    record_events(events=events, sandbox=False, at=at, atomic=False)


def balance_of(wallet: Wallet) -> Decimal:
    wallet.refresh_from_db()
    return wallet.balance


def metered_wallet(case: Case) -> Figures:
    params = case["params"]
    names = sorted({name for rate in params["rates"] for name in rate["match"]})
    meter = make_meter("tokens", event_name="llm", aggregation="sum", value_property="units", dimensions=names)
    rates = [rate(rate_params["unit_amount"], match=rate_params["match"]) for rate_params in params["rates"]]
    offered = {"feature": make_feature("tokens", meter=meter), "rates": rates, "consumption": "balance"}
    wallet = prepaid(case["unit"], D(params["balance"]), offered, START)
    deducted, after, errors = [], [balance_of(wallet)], []
    for number, usage_event in enumerate(params["events"]):
        sent = {"customer": "acme", "event": "llm", "timestamp": usage_event["at"]}
        items = [
            sent | {"id": f"{number}:{place}", "properties": dict(item.items()) | {"units": int(item["units"])}}
            for place, item in enumerate(usage_event["items"])
        ]
        refused = sum(Drawdown.objects.values_list("refused", flat=True), NONE)
        send(*items, at=moment(usage_event["at"]) + HOUR)
        after.append(balance_of(wallet))
        deducted.append(after[-2] - after[-1])
        if sum(Drawdown.objects.values_list("refused", flat=True), NONE) > refused:
            errors.append({"at": usage_event["at"], "error": "insufficient_balance"})
    return {"deducted": deducted, "balance_after": after[1:], "errors": errors}


def burndown_latest(case: Case) -> Figures:
    params, [granted] = case["params"], case["params"]["grants"]
    starts_at, ends_at = moment(granted["effective_at"]), moment(granted["expires_at"])
    meter = make_meter("level", event_name="level", aggregation="latest", value_property="value")
    prices = {CREDITS: [rate("1")]}
    offered = {"feature": make_feature("level", meter=meter), "prices": prices, "consumption": "credits"}
    assert starts_at == moment(params["start"])
    conditions = {"expires_at": ends_at, "priority": int(granted["priority"]), "source": granted["id"]}
    wallet = prepaid("credits", D(granted["amount"]), offered, starts_at, **conditions)
    before = balance_of(wallet)
    for number, reading in enumerate(params["readings"]):
        sent = {"id": str(number), "customer": "acme", "event": "level", "timestamp": reading["at"]}
        send(sent | {"properties": {"value": int(reading["value"])}}, at=moment(params["until"]))
    after = balance_of(wallet)
    segment = {"start": params["start"], "end": params["until"], "usage": before - after}
    segment |= {"balance_at_start": before, "balance_at_end": after}
    return {"total": after, "usage": before - after, "segments": [segment]}


RUNNERS: dict[str, Callable[[Case], Figures]] = {
    "apply_to_invoices": apply_to_invoices,
    "burndown": burndown,
    "entitlement": entitlement,
    "collect": collect,
    "grant_active_at": grant_active_at,
    "grant_effective_period": grant_effective_period,
    "allocation": allocation,
    "ongoing": ongoing,
    "conversion": conversion,
    "credit_rounding": credit_rounding,
    "error": error,
    "bonus_slab": bonus_slab,
    "auto_topup_loop": auto_topup_loop,
    "auto_reload": auto_reload,
    "metered_wallet": metered_wallet,
    "burndown_latest": burndown_latest,
}
