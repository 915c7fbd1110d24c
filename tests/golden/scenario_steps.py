"""The steps of a scenario as requests, each at its time."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

from django.http import HttpResponse

from tests.golden.cases import Case
from tests.golden.period_cases import moment
from tests.golden.plan_setup import anchor_of
from tests.golden.sandbox_customer import CUSTOMER, Document, Life, Step

DOWNGRADES_WAIT = {"getlago/lago-api"}
"""
Systems in which a change to a cheaper plan waits for the period's end; in ours the request says when it applies.
"""

A_YEAR = {"week": 52, "month": 12, "quarter": 4, "year": 1}
REFUSED = {"wallet_empty": "insufficient_balance"}
"""Our reason for a rejection → the cases' name for it."""


def live(case: Case) -> Life:
    """
    Run all steps of a case, and return the customer's life.

    At the end the clock advances past the grace period, and a little further: a subscription that ends now ends after
    usage of the same time.
    """
    life, steps = Life(case), case["steps"]
    if not any(step["action"] == "subscribe" for step in steps):
        subscribe(life, {"plan": next(iter(life.plans))})
    for number, step in in_order(steps):
        life.advance(moment(step["at"]))
        response = DO[step["action"]](life, step)
        if response is not None and response.status_code >= 400:
            error = response.json()
            why = error["limit"]["reason"] if "limit" in error else error["type"].removeprefix("/problems/")
            life.refused[number] = REFUSED.get(why, why)
        life.record_documents(number)
        life.record_usage(number)
    life.advance(life.now + life.grace + timedelta(seconds=1))
    life.record_documents(len(steps) - 1)
    return life


def in_order(steps: Sequence[Step]) -> Iterator[tuple[int, Step]]:
    """
    Yield the steps with their numbers in chronological order.

    Usage is sent in its listed position, late usage too; usage dated after a step that is listed later is sent after
    that step, because it is not known before.
    """
    acts = [(number, moment(step["at"])) for number, step in enumerate(steps) if step["action"] != "event"]

    def place(number: int) -> tuple[int, int]:
        dated, is_event = moment(steps[number]["at"]), steps[number]["action"] == "event"
        later = [other for other, at in acts if is_event and other > number and at < dated]
        return max([number, *later]), number if later else -1

    for number in sorted(range(len(steps)), key=place):
        yield number, steps[number]


def subscribe(life: Life, step: Step) -> None:
    plan, count = life.plans[step["plan"]], int(step.get("quantity", 1))
    request_body: Document = {"customer": CUSTOMER, "plan": plan["code"], "named": count > 1}
    if life.coupons:
        request_body["coupons"] = life.coupons
    if anchor_of(life.case) == "anniversary" and "trial_days" not in plan:
        # Where days are counted, an anniversary is a day and starts at midnight.
        request_body["anchor_at"] = life.now.astimezone(life.zone).replace(hour=0, minute=0, second=0).isoformat()
    for number in range(count):
        subscription = life.post("/subscriptions", {"id": f"{plan['code']}-{number}", **request_body})
        life.subscriptions.setdefault(plan["code"], []).append(subscription["id"])
        _agree_allowance_of_trial(life, plan, subscription)


def _agree_allowance_of_trial(life: Life, plan: Step, made: Document) -> None:
    """Override the allowance of the subscription where the trial's free units differ from later ones."""
    for charge in plan["charges"]:
        if "free_units_in_trial" in charge["params"]:
            figure = {
                "figure": "included",
                "value": charge["params"]["free_units_in_trial"],
                "reason": "In the trial",
            }
            span = {"starts_at": made["starts_at"], "ends_at": made["trial_ends_at"]}
            life.post(f"/subscriptions/{made['id']}/overrides", {"feature": charge["metric"], **figure, **span})


def send(life: Life, step: Step) -> HttpResponse:
    """Send as many events as a step lists; if prepaid, all of them or none if the balance is too low."""
    if step["metric"] in life.held.aggregations:
        return hold(life, step)
    properties = dict(step.get("properties", {}).items())
    if "value" in step:
        properties["value"] = step["value"]
    if "price_minor" in step:
        properties["price"] = str(Decimal(step["price_minor"]).scaleb(-2))
    if life.pack and "credit_pack" in life.pack:
        properties["credits"] = step.get("credits_each", "1")
    event = {"customer": CUSTOMER, "event": step["metric"], "timestamp": step["at"], "properties": properties}
    to = [{"subscription": name} for name in _all(life)] if step.get("each_subscription") else [{}]
    events = [event | sent_event for sent_event in to for _ in range(int(step.get("count", 1)))]
    for event_ in events:
        event_["id"] = f"e{len(life.sent)}"
        life.sent[event_["id"]] = step["metric"], step["at"]
    response = life.caller.post("/events?check=true" if life.pack else "/events", events)
    assert response.status_code >= 400 or response.json()["accepted"] == len(events), response.json()
    return response


def hold(life: Life, step: Step) -> HttpResponse:
    """Set how many units the subscription holds after an event."""
    (name,) = _all(life)
    path = f"/subscriptions/{name}/quantities/{step['metric']}"
    return life.caller.send("PUT", path, {"quantity": life.held.after(step)})


def take_back(life: Life, step: Step) -> HttpResponse:
    wrong = [id_ for id_, sent in life.sent.items() if sent == (step["metric"], step["date"])]
    request_body = [{"id": id_, "kind": "void", "reason": "It was none"} for id_ in wrong]
    return life.caller.post("/events/corrections", request_body)


def change(life: Life, step: Step) -> HttpResponse:
    ((former, (name,)),) = life.subscriptions.items()
    waits = life.case["source"]["repo"] in DOWNGRADES_WAIT and _yearly(life, step["plan"]) < _yearly(life, former)
    life.subscriptions = {step["plan"]: [name]}
    return life.caller.post(f"/subscriptions/{name}/change", {"plan": step["plan"], "at_period_end": waits})


def _yearly(life: Life, plan: str) -> Decimal:
    return Decimal(life.plans[plan]["amount"]) * A_YEAR[life.plans[plan]["interval"]]


def cancel(life: Life, step: Step) -> HttpResponse:
    assert step.get("immediate", False) == ("effective" not in step)
    when = {"ends_at": step["effective"]} if "effective" in step else {"when": "now"}
    return life.caller.post(f"/subscriptions/{_subscription_of(life, step)}/cancel", when)


def terminate(life: Life, step: Step) -> HttpResponse:
    arguments = {"when": "now", "give_back": step.get("give_back", "credit")}
    return life.caller.post(f"/subscriptions/{_subscription_of(life, step)}/cancel", arguments)


def uncancel(life: Life, step: Step) -> HttpResponse:
    return life.caller.post(f"/subscriptions/{_subscription_of(life, step)}/cancel/withdraw", {})


def _subscription_of(life: Life, step: Step) -> str:
    """Return the subscription of a step: the one named by its plan, or the only one."""
    (subscription_id,) = life.subscriptions[step["subscription"]] if "subscription" in step else _all(life)
    return subscription_id


def _all(life: Life) -> list[str]:
    return [name for names in life.subscriptions.values() for name in names]


def buy(life: Life, step: Step) -> None:
    """Buy a pack, or an amount of money, and pay for it."""
    assert life.pack
    assert step.get("plan", life.pack["code"]) == life.pack["code"]
    arguments = {"pack": life.pack["code"], "reference": step["at"]}
    if "amount" in step:
        arguments["units"] = step["amount"]
    bought = life.post(f"/wallets/{life.wallet}/purchases", arguments)
    life.post(f"/invoices/{bought['invoice']}/payments", {"reference": step["at"]})
    if below := life.pack.get("credit_pack", {}).get("auto_reload_below"):
        rule = {"pack": life.pack["code"], "percent": below, "payer": "sandbox"}
        life.post(f"/wallets/{life.wallet}/topup-rule", rule, method="PUT")


def wait(life: Life, step: Step) -> None:
    """Do nothing: the clock has advanced to the step's time, and due work is done."""


DO: dict[str, Callable[[Life, Step], HttpResponse | None]] = {
    "subscribe": subscribe,
    "event": send,
    "remove_usage": take_back,
    "change_plan": change,
    "cancel": cancel,
    "uncancel": uncancel,
    "terminate": terminate,
    "buy_pack": buy,
    "top_up": buy,
    "bill": wait,
    "check_usage": wait,
}
