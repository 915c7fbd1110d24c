"""100 credits for $99, one per run, topped up below 20% of the pack: through HTTP, paid by the sandbox."""

from datetime import timedelta

import pytest
import time_machine

from tests.api.calls import Caller
from tests.builders import JAN, make_feature, make_meter, make_pack, make_plan, make_seller, offer, publish, rate
from wallets.auto_topup import run_topups
from wallets.tasks import top_up_wallets

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def runs(caller: Caller, first: int, count: int, *, at) -> None:
    """Send runs one by one, with a top-up run after each."""
    for number in range(first, first + count):
        event = {"id": f"run-{number}", "customer": "acme", "event": "run", "timestamp": at.isoformat()}
        assert caller.post("/events", [event]).json()["accepted"] == 1
        run_topups(at=at)


def test_a_pack_is_bought_at_19_and_ceilings_stop_the_loop():
    make_seller()
    make_pack("credits-100", name="100 credits")
    feature = make_feature("runs", meter=make_meter("runs", event_name="run"))
    publish(make_plan("prepaid", offers=[offer(feature, prices={"XCR": [rate(1)]}, consumption="credits")]))

    # She signs up in the sandbox, opens a wallet, and buys her first pack by hand.
    with time_machine.travel(JAN, tick=False):
        caller = Caller(sandbox=True)
        customer = {"id": "acme", "legal_name": "Acme Inc.", "country": "US", "currency": "USD"}
        assert caller.post("/customers", customer).status_code == 201
        arguments = {"id": "acme-prepaid", "customer": "acme", "plan": "prepaid", "starts_at": JAN.isoformat()}
        assert caller.post("/subscriptions", arguments).status_code == 201
        wallet = caller.post("/wallets", {"customer": "acme"}).json()["id"]
        bought = caller.post(f"/wallets/{wallet}/purchases", {"pack": "credits-100", "reference": "sign-up"}).json()
        assert bought["state"] == "pending"
        caller.post(f"/invoices/{bought['invoice']}/payments", {"reference": "card"})

        # Below 20% of the pack it is bought again, three times a day at most.
        ceiling = {"set_by": "customer", "span": "day", "most": 3}
        rule = {"pack": "credits-100", "percent": "20", "payer": "sandbox", "ceilings": [ceiling]}
        response = caller.send("PUT", f"/wallets/{wallet}/topup-rule", rule)
        assert (response.status_code, response.json()["ceilings"][0]["most"]) == (200, 3)

    def balance() -> str:
        return caller.get(f"/wallets/{wallet}").json()["balance"]

    def topups() -> list[str]:
        return [entry["state"] for entry in caller.get(f"/wallets/{wallet}/topups").json()["data"]]

    # 80 runs leave 20, which is enough; the 81st leaves 19, and the top-up makes it 119.
    with time_machine.travel(JAN + HOUR, tick=False):
        runs(caller, 0, 80, at=JAN + HOUR)
        assert (balance(), topups()) == ("20", [])
        runs(caller, 80, 1, at=JAN + HOUR)
        assert (balance(), topups()) == ("119", ["paid"])

        # 250 runs cost three packs and leave 50; a fourth on this day would exceed the ceiling.
        runs(caller, 81, 169, at=JAN + HOUR)
        assert (balance(), topups()) == ("50", ["paid"] * 2)
        runs(caller, 250, 131, at=JAN + HOUR)
        assert (balance(), topups()) == ("19", ["paid"] * 3)

    # The next day the ceiling is reset, and the scheduled task tops up.
    with time_machine.travel(JAN + DAY, tick=False):
        run_topups(at=JAN + DAY)
        assert (balance(), topups()) == ("119", ["paid"] * 4)
        invoices = caller.get("/invoices", customer="acme", limit=10).json()["data"]
        assert [(invoice["total"]["amount"], invoice["state"]) for invoice in invoices] == [("99.00", "paid")] * 5
        assert top_up_wallets() == {"bought": 0, "settled": 0}
