"""
One version with prices, fees and commitments in four currencies: each customer's invoice is exact to the minor unit.
"""

from csv import DictReader
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from billing.tasks import close_due_periods
from tests.api.calls import Caller, problem
from tests.builders import (
    FEB,
    JAN,
    commitment,
    fee,
    make_coupon,
    make_feature,
    make_meter,
    make_plan,
    make_seller,
    make_tax,
    offer,
    publish,
    rate,
)
from tests.docs_tables import rows
from tests.invoices.rendering.pdf_reader import reader

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
CASES = rows("closing.md", "currencies")
CURRENCIES = [case["currency"] for case in CASES]


@pytest.fixture(autouse=True)
def _one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.task_clock.database_time", timezone.now)


@pytest.fixture
def caller() -> Caller:
    """Create the plan “pro” as the docs describe it."""
    make_seller()
    make_tax(7)
    work = make_feature("work", meter=make_meter("work", aggregation="sum", value_property="n", unit="call"))
    publish(
        make_plan(
            "pro",
            fees=[fee(case["fee"], currency=case["currency"], billed="arrears", code="base") for case in CASES],
            offers=[offer(work, included=100, prices={case["currency"]: [rate(case["a call"])] for case in CASES})],
            commitments=[commitment(case["minimum"], currency=case["currency"]) for case in CASES],
        )
    )
    make_coupon("FIFTEEN", percent=15, duration="forever")
    return Caller()


def join(caller: Caller, id_: str, currency: str, **arguments: object) -> None:
    customer = {"id": id_, "legal_name": f"{id_} Ltd", "country": "US", "currency": currency}
    assert caller.post("/customers", customer).status_code == 201
    arguments = {"id": f"{id_}-pro", "customer": id_, "plan": "pro", "starts_at": JAN.isoformat(), **arguments}
    answer = caller.post("/subscriptions", arguments)
    assert answer.status_code == 201, answer.content


def used(id_: str, n: int, **more: str) -> dict[str, object]:
    at = (JAN + 4 * DAY).isoformat()
    return {"id": f"{id_}-{n}", "customer": id_, "event": "work", "timestamp": at, "properties": {"n": n}, **more}


def test_every_invoice_is_exact_to_the_minor_unit(caller):
    with time_machine.travel(JAN + 10 * DAY, tick=False):
        for currency in CURRENCIES:
            join(caller, f"in-{currency}", currency, coupons=["FIFTEEN"])
        sent = [used(f"in-{currency}", 347) for currency in CURRENCIES]
        assert caller.post("/events", sent).json()["accepted"] == len(CASES)
        for case in CASES:
            (period,) = caller.get(f"/customers/in-{case['currency']}/usage").json()["periods"]
            assert Decimal(period["cost"]["amount"]) == Decimal(case["usage"])
            assert period["cost"]["currency"] == case["currency"]
    with time_machine.travel(FEB + DAY / 8, tick=False):
        close_due_periods()
    staff = Client()
    staff.force_login(User.objects.create_superuser("finance"))
    for case in CASES:
        (entry,) = caller.get("/invoices", customer=f"in-{case['currency']}").json()["data"]
        full = caller.get(f"/invoices/{entry['id']}").json()
        assert {line["kind"]: line["amount"]["amount"] for line in full["lines"]} == {
            "fee": case["fee"],
            "usage": case["usage"],
            "true_up": case["true-up"],
            "coupon": case["coupon"],
        }, case
        for figure in ("net", "tax", "total"):
            assert full[figure]["amount"] == case[figure], (figure, case)
        assert {full[amount_name]["currency"] for amount_name in ("net", "tax", "total", "due")} == {case["currency"]}

        for where, text in (
            ("the admin", staff.get(f"/admin/invoices/invoice/{entry['id']}/change/").content.decode()),
            ("its file", " ".join(page.extract_text() for page in reader(file_of(caller, entry["id"])).pages)),
        ):
            assert case["printed"] in " ".join(text.split()), (where, case)
        exported = b"".join(staff.get("/admin/invoices/invoice/export/").streaming_content).decode()
        row = next(row for row in DictReader(exported.splitlines()) if row["Number"] == entry["number"])
        assert (Decimal(row["Total"]), row["Total, currency"]) == (Decimal(case["total"]), case["currency"])


def file_of(caller: Caller, invoice_id: int) -> bytes:
    answer = caller.get(f"/invoices/{invoice_id}/pdf")
    assert answer.status_code == 200, answer.content
    return bytes(answer.content)


def test_two_subscriptions_of_one_customer_have_separate_invoices(caller):
    with time_machine.travel(JAN + 10 * DAY, tick=False):
        join(caller, "acme", "USD")
        other = {"id": "acme-tokyo", "customer": "acme", "plan": "pro", "starts_at": JAN.isoformat(), "named": True}
        assert caller.post("/subscriptions", other | {"currency": "JPY"}).status_code == 201
        sent = [used("acme", 347), used("acme", 400, subscription="acme-tokyo")]
        assert caller.post("/events", sent).json()["accepted"] == 2
        running = caller.get("/customers/acme/usage").json()["periods"]
        assert [(period["cost"]["amount"], period["cost"]["currency"]) for period in running] == [
            ("8.23", "USD"),
            ("1425", "JPY"),  # 300 × 4.75
        ]
    with time_machine.travel(FEB + DAY / 8, tick=False):
        close_due_periods()
    invoices = caller.get("/invoices", customer="acme").json()["data"]
    assert sorted((invoice["net"]["amount"], invoice["net"]["currency"]) for invoice in invoices) == [
        ("35.00", "USD"),
        ("5500", "JPY"),
    ]


def test_an_unavailable_currency_is_rejected_with_the_available_ones(caller):
    customer = {"id": "london", "legal_name": "London Ltd", "country": "GB", "currency": "GBP"}
    assert caller.post("/customers", customer).status_code == 201
    arguments = {"customer": "london", "plan": "pro"}
    detail = problem(caller.post("/subscriptions", arguments), 422, "unprocessable")["detail"]
    assert detail == "Pro v1 has no prices in GBP. Choose EUR, JPY, KWD or USD."
    response = caller.post("/subscriptions", arguments | {"currency": "EUR"})
    assert (response.status_code, response.json()["currency"]) == (201, "EUR")
