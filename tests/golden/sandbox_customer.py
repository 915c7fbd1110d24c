"""A sandbox customer with a test clock, over HTTP: the requests they send, and the results."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from billing.simulation.sandbox import advance_all
from tests.api.calls import Caller
from tests.builders import make_seller, make_tax
from tests.golden.cases import Case
from tests.golden.coupon_setup import make_coupons
from tests.golden.held_units import HeldUnits
from tests.golden.period_cases import moment
from tests.golden.plan_setup import LONG_AGO, offer_plans

Step = dict[str, Any]
Document = dict[str, Any]

CUSTOMER = "acme"


class Life:
    """
    The customer of a case, and the results so far.

    subscriptions: plan → names of its subscriptions. sent: event → its metric and time. documents: invoices and
        credit notes, by kind, each with the step after which it existed. usage, wallets: by step, as the API returned
        them then. held: what the subscriptions hold of the metrics that are held. coupons: codes.
    refused: step → reason why its request was rejected.
    """

    def __init__(self, case: Case) -> None:
        self.case, self.about = case, case["setup"]["customer"]
        self.plans: dict[str, Step] = {plan["code"]: plan for plan in case["setup"]["plans"]}
        self.pack = next((plan for plan in self.plans.values() if {"credit_pack", "prepaid"} & plan.keys()), None)
        self.zone = ZoneInfo(case["timezone"])
        assert self.about.get("timezone", "UTC") == case["timezone"]
        self.grace = timedelta(days=int(self.about.get("grace_period_days", 0)))
        self.subscriptions: dict[str, list[str]] = {}
        self.sent: dict[str, tuple[str, str]] = {}
        self.documents: dict[str, list[tuple[int, Document]]] = {"invoices": [], "credit-notes": []}
        self.usage: dict[int, dict[str, Document]] = {}
        self.wallets: dict[int, list[Document]] = {}
        self.refused: dict[int, str] = {}
        self.held = HeldUnits(case)
        self.caller = Caller(sandbox=True)
        self._set_up()

    def _set_up(self) -> None:
        """Create the data that staff create in the admin, then the customer, the clock and the wallet over HTTP."""
        currency, self.now = self.case["currency"], moment(self.case["steps"][0]["at"])
        seller = make_seller(currency=currency, grace=self.grace, zero_invoices="issue")
        if "tax_percent" in self.about:
            make_tax(self.about["tax_percent"], seller=seller, valid_from=LONG_AGO.date())
        self.coupons = make_coupons(self.case)
        offer_plans(self.case)
        self.clock = self.post("/test-clocks", {"name": self.case["id"], "now": self.now.isoformat()})["id"]
        party = {"legal_name": "Acme", "country": "US", "currency": currency, "time_zone": str(self.zone)}
        self.post("/customers", {"id": CUSTOMER, **party, "test_clock": self.clock})
        if self.pack:
            self._open_wallet("credits" if "credit_pack" in self.pack else currency)
        elif "wallet" in self.about:
            self._open_wallet(currency, pays_invoices=True)
            self.post(f"/wallets/{self.wallet}/grants", {"amount": self.about["wallet"]})

    def _open_wallet(self, unit: str, **fields: bool) -> None:
        self.wallet = self.post("/wallets", {"customer": CUSTOMER, "name": "Prepaid", "unit": unit, **fields})["id"]

    def post(self, path: str, body: Document, method: str = "POST") -> Document:
        """Send a request that must succeed, and return its response."""
        response = self.caller.send(method, path, body)
        assert response.status_code in (200, 201, 202), response.json()
        return response.json()

    def get(self, path: str, **query: Any) -> Document:
        response = self.caller.get(path, **query)
        assert response.status_code == 200, response.json()
        return response.json()

    def advance(self, to: datetime) -> None:
        """Advance the clock to that time, unless it is later already; due work is done as by a worker."""
        if to > self.now:
            self.post(f"/test-clocks/{self.clock}/advance", {"to": to.isoformat()})
            advance_all()
            clock = self.get(f"/test-clocks/{self.clock}")
            assert (clock["state"], clock["failure"]) == ("standing", "")
            self.now = to

    def record_documents(self, step: int) -> None:
        """Record the documents issued up to this step."""
        advance_all()  # work that the step made due
        for kind, known in self.documents.items():
            ids = {document["id"] for _, document in known}
            listed = self.get(f"/{kind}", customer=CUSTOMER, limit=200)["data"]
            added = [document for document in reversed(listed) if document["id"] not in ids]
            known += [(step, document) for document in added]
            if kind == "invoices" and self.spends_credit:
                for invoice in added:
                    self._pay(invoice)

    def record_usage(self, step: int) -> None:
        """Record usage and wallets as the API returns them now, where the case expects them after this step."""
        wanted = {
            kind
            for kind in ("current_usage", "balances")
            for entry in self._expected_entries(kind)
            if entry["step"] == step
        }
        if "current_usage" in wanted or self._expected_entries("in_advance_fees"):
            periods = self.get(f"/customers/{CUSTOMER}/usage")["periods"]
            self.usage[step] = {feature["feature"]: feature for period in periods for feature in period["features"]}
            for held in (held for period in periods for held in period["quantities"]):
                (line,) = self._upcoming_lines(held["label"])
                cost = {"cost": line["amount"], "projected": line["amount"], "rates": []}
                self.usage[step][held["fee"]] = {"used": held["quantity"], **cost}
        if "balances" in wanted:
            self.wallets[step] = self.get("/wallets", customer=CUSTOMER)["data"]

    @property
    def spends_credit(self) -> bool:
        """Whether the case takes a credit note off an invoice: then the customer has paid what was credited."""
        return any(
            line["kind"] == "credit_note"
            for invoice in self._expected_entries("invoices")
            for line in invoice.get("lines", ())
        )

    def _pay(self, invoice: Document) -> None:
        if Decimal(invoice["due"]["amount"]):
            self.post(f"/invoices/{invoice['id']}/payments", {"reference": invoice["number"]})

    def _upcoming_lines(self, label: str) -> list[Document]:
        """Return the lines of a fee in arrears as the running periods would be billed now."""
        names = [name for names in self.subscriptions.values() for name in names]
        lines = [line for name in names for line in self.get(f"/subscriptions/{name}/upcoming")["lines"]]
        return [line for line in lines if label in line["description"]]

    def _expected_entries(self, kind: str) -> list[Step]:
        entries: list[Step] = self.case["expected"].get(kind, [])
        return entries

    def day_of(self, at: datetime) -> str:
        """Return the day of a time by the customer's calendar."""
        return f"{at.astimezone(self.zone):%Y-%m-%d}"
