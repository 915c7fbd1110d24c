"""A case of wallets.json on our own ledger, by its kind."""

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
from tests.golden.cases import Case, Figures
from tests.golden.period_cases import shown
from tests.golden.wallet_payments import apply_to_invoices
from tests.golden.wallet_steps import AT_ZERO, DAYS, MORE_THAN_ANY, Burning, feature_id, moment
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

LATER: dict[str, str] = {}

D = Decimal
NONE = D(0)
START, END = datetime.fromisoformat("2024-01-01T00:00:00Z"), datetime.fromisoformat("2024-01-02T00:00:00Z")
HOUR = timedelta(hours=1)


def figures(case: Case) -> Figures:
    """Return what our wallets do with a case."""
    return RUNNERS[case["kind"]](case)


def burnt(case: Case) -> tuple[Burning, list[datetime]]:
    params = case["params"]
    resets = [moment(at) for at in params.get("resets", ())]
    burning = Burning(case["unit"], start=moment(params["start"]), until=moment(params["until"]))
    # The number is the last of our tie-breakers, so grants are made in the order in which they were created.
    for grant_params in sorted(params["grants"], key=lambda one: one.get("created_at", one["id"])):
        burning.will_grant(grant_params, resets)
    for number, use in enumerate(params["usage"]):
        burning.will_use(use, number, AT_ZERO[params.get("overage", "carry")])
    burning.run()
    return burning, resets


def burndown(case: Case) -> Figures:
    burning, resets = burnt(case)
    return {
        "balances": {grant["id"]: burning.left(grant["id"]) for grant in case["params"]["grants"]},
        "total": burning.wallet.balance,
        "overage": burning.wallet.debt,
        "errors": burning.errors,
        "ledger": burning.ledger(),
        "ledger_from": case["expected"]["ledger_from"],
        "usage_since_reset": burning.used_since(resets[-1]) if resets else NONE,
    }


def entitlement(case: Case) -> Figures:
    burning, resets = burnt(case)
    since = resets[-1] if resets else burning.start
    return {
        "usage": burning.used_since(since),
        "balance": burning.wallet.balance + burning.wallet.debt,
        "overage": burning.wallet.debt,
    }


def collect(case: Case) -> Figures:
    params = case["params"]
    burning = Burning(case["unit"], start=START, until=END)
    for one in sorted(params["grants"], key=lambda grant: grant["id"]):
        burning.will_grant(one, [])
    burning.until = START
    burning.run()
    spent = burning.spend(D(params["amount"]), START, "use", AtZeroPolicy.OVERAGE, params["feature"])
    ledger = [{name: one[name] for name in ("grant", "amount")} for one in burning.ledger()]
    return {"ledger": ledger, "ledger_from": case["expected"]["ledger_from"], "collected": spent.units}


def grant_active_at(case: Case) -> Figures:
    """A grant is active where it pays for use of that time."""
    at = moment(case["params"]["at"])
    burning = Burning(case["unit"], start=at, until=at)
    burning.will_grant({"id": "g", "amount": "5", "priority": "1", **case["params"]["grant"]}, [])
    try:
        burning.run()
        burning.spend(D(1), at, "use", AtZeroPolicy.BLOCK)
    except LedgerRefused:
        return {"active": False}
    return {"active": True}


def grant_effective_period(case: Case) -> Figures:
    """A grant is in effect until it expires, or until nothing is left of it."""
    burning = Burning(case["unit"], start=START, until=END)
    burning.will_grant({"id": "g", "amount": "5", "priority": "1", **case["params"]["grant"]}, [])
    burning.run()
    lot = Lot.objects.get()
    emptied = Transaction.objects.filter(balance_after=0).order_by("id").first()
    ends = [at for at in (lot.expires_at, emptied and emptied.at) if at]
    return {"from": shown(lot.valid_from), "to": shown(min(ends)) if ends else None}


# Several wallets ----------------------------------------------------------------------------------------------------


def allocation(case: Case) -> Figures:
    """
    Draw what each fee costs by now from the wallets of one customer.

    What a fee has cost before was drawn from the first wallet, which holds the rest; what turns out to have been too
    much was given back when that was known.
    """
    params, customer = case["params"], make_customer("acme")
    wallets = {wallet["id"]: _made(wallet, customer) for wallet in params["wallets"]}
    fees = [(number, one, _net(one)) for number, one in enumerate(params["fees"], start=1)]
    first = min(params["wallets"], key=lambda one: int(one["priority"]))
    for number, one, _ in fees:
        if D(one["already_billed"]):
            _granted(wallets[first["id"]], D(one["already_billed"]), f"before:{number}", priority=1)
            _settle(customer.pk, case["unit"], number, one, D(one["already_billed"]))
    for number, one, net in sorted(fees, key=lambda fee: fee[2] > 0):
        _settle(customer.pk, case["unit"], number, one, net)
    left = dict(Wallet.objects.values_list("pk", "balance"))
    ongoing = {id_: left[pk] for id_, pk in wallets.items()}
    return {
        "allocated": {wallet["id"]: D(wallet["balance"]) - ongoing[wallet["id"]] for wallet in params["wallets"]},
        "ongoing": ongoing,
    }


def _net(fee: dict[str, Any]) -> Decimal:
    return D(fee["usage"]) + D(fee["draft"]) - D(fee["already_billed"])


def _made(one: dict[str, Any], customer: Any) -> int:
    made = Wallet.objects.create(
        customer=customer, name=one["id"], unit=one["currency"], currency=one["currency"], priority=one["priority"]
    )
    kinds = [] if "charge" in (one["fee_types"] or ["charge"]) else one["fee_types"]
    _granted(made.pk, D(one["balance"]), "balance", features=[feature_id(name) for name in one["metrics"] or kinds])
    return made.pk


def _granted(wallet_id: int, amount: Decimal, source: str, *, at: datetime = START, **conditions: Any) -> None:
    grant(wallet_id=wallet_id, grants=[Grant("purchased", amount, source, cost=amount, **conditions)], at=at)


def _settle(customer_id: int, unit: str, draw: int, fee: dict[str, Any], change: Decimal) -> None:
    opened = lock_customer_wallets([(customer_id, unit)], used_at=START)[customer_id, unit]
    sheet, feature = Sheet(START), feature_id(fee["metric"])
    reference = f"draw:{draw}:{change}"
    if change > 0:
        use = SpendRequest(change, START, reference, feature, AtZeroPolicy.GRACE, MORE_THAN_ANY, draw)
        assert take_from_wallets(opened, use, sheet).uncovered == 0
    else:
        give_back(opened, -change, feature_id=feature, draw=draw, reference=reference, sheet=sheet)
    write(sheet, opened)


def ongoing(case: Case) -> Figures:
    """Use is paid as it comes, without its tax; a document about it pays nothing again."""
    params = case["params"]
    burning = Burning(case["unit"], start=START, until=END)
    _granted(burning.wallet.pk, D(params["initial_balance"]), "balance", at=moment(params["steps"][0]["at"]))
    steps = []
    for number, step in enumerate(params["steps"]):
        event = step["event"]
        used = [D(event.get(name, 0)) for name in ("pending_usage", "immediate_charge")]
        covered = D(event.get("draft_invoice", 0)) - D(event.get("covers_pending", 0))
        if amount := sum(used, covered):
            balance = burning.spend(amount, moment(step["at"]), str(number), AtZeroPolicy.BLOCK).balance
        steps.append({"at": step["at"], "balance": balance, "ongoing_balance": balance})
    return {"steps": steps}


# Amounts ------------------------------------------------------------------------------------------------------------


def conversion(case: Case) -> Figures:
    """What credits cost beyond the wallet: each at its price in money."""
    terms = PriceTerms(case["currency"], (RateTerms(0, (), PerUnit(D(case["params"]["credit_value"]))),))
    return {"amount": rate_usage(terms, {0: D(case["params"]["credits"])}).amount}


def credit_rounding(case: Case) -> Figures:
    params, currency = case["params"], case["currency"]
    credits, value = round_units(D(params["credits"])), D(params["credit_value"])
    burning = Burning("credits", start=START, until=END)
    _granted(burning.wallet.pk, D(params.get("balance", credits)), "pack")
    if params["operation"] == "void":
        burning.lots = {lot.pk: "pack" for lot in Lot.objects.all()}
        burning.will_use({"at": shown(START), "amount": str(credits), "reason": "void"}, 1, AtZeroPolicy.BLOCK)
        burning.run()
    after = Wallet.objects.get().balance
    return {
        "amount": round_money(credits * value, currency),
        "credits": credits,
        "credits_after": after,
        "balance_after": round_money(after * value, currency),
    }


def error(case: Case) -> Figures:
    burning = Burning(case["unit"], start=START, until=END)
    try:
        _granted(burning.wallet.pk, D(case["params"]["credits"]), "pack")
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
    found = find_slab(units, slabs)
    return {
        "slab_threshold": found and found.least,
        "bonus_credits": found and compute_bonus(units, found),
    }


def auto_topup_loop(case: Case) -> Figures:
    """Look twice at the same moment: a top-up that has just been made is waited for."""
    params, bought_at = case["params"], []
    burning = Burning(case["unit"], start=START, until=END)
    _granted(burning.wallet.pk, D(params["balance"]), "balance")
    cooldown = timedelta(days=DAYS[params["cooldown"]])
    for number in range(2):
        last = bought_at[-1] if bought_at else None
        if is_due(balance_of(burning.wallet), D(params["threshold"])) and is_cooldown_over(last, cooldown, START):
            _granted(burning.wallet.pk, D(params["amount"]), f"topup:{number}")
            bought_at.append(START)
    return {"topups": len(bought_at), "balance_after": balance_of(burning.wallet)}


def auto_reload(case: Case) -> Figures:
    params, found = case["params"], {}
    pack, price = D(params["pack_credits"]), D(params["pack_price"])
    threshold = threshold_from_percent(D(params["reload_below_fraction"]) * 100, pack)
    burning = Burning(case["unit"], start=START, until=END)
    purchases = [price_purchase(pack, price, case["currency"], ())]
    _granted(burning.wallet.pk, pack, "pack:1")
    for number in range(1, int(params["runs"]) + 1):
        after = burning.spend(D(params["credits_per_run"]), START, str(number), AtZeroPolicy.BLOCK).balance
        if is_due(after, threshold):
            found = found or {"reload_after_run": number, "balance_before_reload": after}
            purchases.append(price_purchase(pack, price, case["currency"], ()))
            _granted(burning.wallet.pk, pack, f"pack:{len(purchases)}")
    return found | {
        "balance_after": balance_of(burning.wallet),
        "packs_bought": len(purchases),
        "charged": sum((purchase.net for purchase in purchases), NONE),
    }


# Usage that is prepaid, as ingest takes it --------------------------------------------------------------------------


def prepaid(unit: str, amount: Decimal, offered: dict[str, Any], starts_at: datetime) -> Wallet:
    customer = make_customer("acme")
    subscribe(customer, publish(make_plan(offers=[offer(**offered)]), at=starts_at), starts_at=starts_at)
    wallet = Wallet.objects.create(customer=customer, unit=unit)
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", amount, "paid in", cost=amount)], at=starts_at)
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
    rates = [rate(one["unit_amount"], match=one["match"]) for one in params["rates"]]
    offered = {"feature": make_feature("tokens", meter=meter), "rates": rates, "consumption": "balance"}
    wallet = prepaid(case["unit"], D(params["balance"]), offered, START)
    deducted, after, errors = [], [balance_of(wallet)], []
    for number, one in enumerate(params["events"]):
        sent = {"customer": "acme", "event": "llm", "timestamp": one["at"]}
        items = [
            sent | {"id": f"{number}:{place}", "properties": item | {"units": int(item["units"])}}
            for place, item in enumerate(one["items"])
        ]
        refused = sum(Drawdown.objects.values_list("refused", flat=True), NONE)
        send(*items, at=moment(one["at"]) + HOUR)
        after.append(balance_of(wallet))
        deducted.append(after[-2] - after[-1])
        if sum(Drawdown.objects.values_list("refused", flat=True), NONE) > refused:
            errors.append({"at": one["at"], "error": "insufficient_balance"})
    return {"deducted": deducted, "balance_after": after[1:], "errors": errors}


def burndown_latest(case: Case) -> Figures:
    params, [granted] = case["params"], case["params"]["grants"]
    meter = make_meter("level", event_name="level", aggregation="latest", value_property="value")
    prices = {CREDITS: [rate("1")]}
    offered = {"feature": make_feature("level", meter=meter), "prices": prices, "consumption": "credits"}
    wallet = prepaid("credits", D(granted["amount"]), offered, moment(params["start"]))
    before = balance_of(wallet)
    for number, one in enumerate(params["readings"]):
        sent = {"id": str(number), "customer": "acme", "event": "level", "timestamp": one["at"]}
        send(sent | {"properties": {"value": int(one["value"])}}, at=moment(params["until"]))
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
