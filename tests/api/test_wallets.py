"""Wallets over HTTP: opened, configured, listed, with their lots and transactions."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.utils import timezone

from tests.api.calls import Caller, faults, problem
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer, make_feature
from wallets.ledger.hold import hold
from wallets.ledger.spend import SpendRequest
from wallets.models import Lot, Transaction, Wallet

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme(seller):
    return make_customer("acme", seller=seller, currency="EUR")


@pytest.fixture
def wallet(live, acme):
    return live.post("/wallets", {"customer": "acme"}).json()["id"]


def give(caller, wallet, amount, **more):
    answer = caller.post(f"/wallets/{wallet}/grants", {"amount": amount, **more})
    assert answer.status_code == 201, answer.content
    return answer.json()


def error_code(answer, field):
    """Return the error code of a field in a problem response."""
    name = "invalid-fields" if answer.status_code == 400 else "unprocessable"
    return {error["field"]: error["code"] for error in problem(answer, answer.status_code, name)["errors"]}[field]


def test_a_wallet_is_opened_read_and_listed(live, acme):
    sent = {"customer": "acme", "name": "Team", "unit": "EUR", "priority": 10, "at_zero": "grace", "grace": "50"}
    answer = live.post("/wallets", sent)
    assert answer.status_code == 201
    payload = answer.json()
    assert payload | sent == payload
    zero = {"balance": "0", "available": "0", "held": "0", "debt": "0", "next_expiry": None}
    assert payload | zero == payload
    assert live.get(f"/wallets/{payload['id']}").json() == payload
    assert live.get("/wallets", customer="acme", unit="EUR").json()["data"] == [payload]
    assert live.get("/wallets", unit="credits").json()["data"] == []


def test_it_shows_available_held_and_next_expiring_value(live, wallet, acme):
    now = timezone.now()
    soon, later = now + timedelta(days=1), now + timedelta(days=9)
    for amount, expires_at in (("10", soon), ("5", soon), ("20", later), ("40", None)):
        give(live, wallet, amount, expires_at=expires_at and expires_at.isoformat())
    give(live, wallet, "7", valid_from=later.isoformat())
    hold(customer_id=acme.pk, unit="credits", request=SpendRequest(D(4), timezone.now(), "h"), until=soon)
    payload = live.get(f"/wallets/{wallet}").json()
    assert [payload[name] for name in ("balance", "available", "held")] == ["82", "71", "4"]
    assert payload["next_expiry"]["amount"] == "15"


def test_a_wallet_that_pays_invoices_shows_its_ongoing_balance(live, wallet, acme):
    sent = {"customer": "acme", "name": "Money", "unit": "EUR", "pays_invoices": True}
    paying = live.post("/wallets", sent).json()["id"]
    give(live, paying, "100")
    make_invoice(acme)  # of 17.85
    payload = live.get(f"/wallets/{paying}").json()
    assert (payload["balance"], payload["ongoing_balance"]) == ("100", "82.15")
    assert live.get(f"/wallets/{wallet}").json()["ongoing_balance"] is None


def test_its_behavior_at_zero_can_be_changed(live, wallet):
    changed = live.patch(f"/wallets/{wallet}", {"name": "Spare", "at_zero": "grace", "grace": "10"}).json()
    assert (changed["name"], changed["at_zero"], changed["grace"]) == ("Spare", "grace", "10")
    give(live, wallet, "3")
    spent = live.post(f"/wallets/{wallet}/spend", {"amount": "8"}).json()
    assert spent == {"units": "3", "owed": "5", "uncovered": "0", "balance": "-5"}
    reset = live.patch(f"/wallets/{wallet}", {"at_zero": None, "grace": None}).json()
    assert (reset["at_zero"], reset["grace"], reset["name"]) == (None, None, "Spare")


FAULTS = [
    ({"name": "Wallet"}, "name", "refused"),
    ({"unit": "XXX"}, "unit", "invalid_choice"),
    ({"unit": "XCR"}, "unit", "invalid_choice"),
    ({"unit": "USD", "currency": "EUR"}, "currency", "refused"),
    ({"name": "b", "pays_invoices": True}, "pays_invoices", "invalid"),
    ({"name": "b", "at_zero": "grace"}, "grace", "invalid"),
    ({"name": "b", "at_zero": "block", "grace": "5"}, "grace", "invalid"),
    ({"name": "b", "at_zero": "grace", "grace": "1" + "0" * 30}, "grace", "most"),
    ({"name": "b", "at_zero": "grace", "grace": "0.0000000000001"}, "grace", "places"),
]


@pytest.mark.parametrize(("body", "field", "code"), FAULTS)
def test_an_invalid_wallet_is_rejected(live, wallet, body, field, code):
    assert error_code(live.post("/wallets", {"customer": "acme", **body}), field) == code
    assert Wallet.objects.count() == 1


def test_an_invalid_request_names_its_fields(live, acme):
    assert faults(live.post("/wallets", {"customer": "nobody"})) == {"customer": "unknown"}
    assert faults(live.post("/wallets", {"customer": "acme", "balance": "5"})) == {"balance": "unknown"}
    assert faults(live.get("/wallets", costumer="acme")) == {"costumer": "unknown"}


def test_the_transactions_show_which_grant_paid_which_usage(live, wallet):
    make_feature("images")
    first = give(live, wallet, "10", kind="bonus")
    second = give(live, wallet, "10", features=["images"])
    live.post(f"/wallets/{wallet}/spend", {"amount": "12", "feature": "images", "key": "job-1"})
    lots = live.get(f"/wallets/{wallet}/lots").json()["data"]
    assert [(lot["id"], lot["remaining"], lot["features"]) for lot in lots] == [
        (second["id"], "0", ["images"]),
        (first["id"], "8", []),
    ]
    (spent,) = live.get(f"/wallets/{wallet}/transactions", kind="spend", feature="images").json()["data"]
    assert (spent["reference"], spent["units"], spent["balance_after"]) == ("api:job-1", "-12", "8")
    entries = [(entry["account"], entry["lot"], entry["units"]) for entry in spent["entries"]]
    assert entries[:2] == [("wallet", second["id"], "-10"), ("wallet", first["id"], "-2")]
    assert sum(D(entry["units"]) for entry in spent["entries"]) == 0


def test_transactions_are_listed_in_pages_in_order_of_time(live, wallet):
    for amount in range(1, 6):
        give(live, wallet, str(amount))
    # An earlier request may have got a later number.
    newest = Transaction.objects.latest("pk")
    path, transaction_ids, cursor = f"/wallets/{wallet}/transactions", [], {}
    while cursor is not None:
        page = live.get(path, limit=2, **cursor).json()
        transaction_ids += [entry["id"] for entry in page["data"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    assert transaction_ids == sorted(transaction_ids, reverse=True)
    assert (len(transaction_ids), transaction_ids[0]) == (5, newest.pk)
    for invalid_cursor in ("x", "Mjow", "OTk5OTk"):
        assert faults(live.get(path, cursor=invalid_cursor)) == {"cursor": "invalid"}


def test_lists_take_as_many_queries_for_many_rows_as_for_few(live, wallet, seller, django_assert_max_num_queries):
    for number in range(6):
        give(live, wallet, "5")
        live.post("/wallets", {"customer": "acme", "name": f"w{number}"})
    for path, most in (("/wallets", 3), (f"/wallets/{wallet}/lots", 5), (f"/wallets/{wallet}/transactions", 4)):
        with django_assert_max_num_queries(most):
            assert len(live.get(path).json()["data"]) >= 6


def test_only_an_empty_wallet_is_closed(live, wallet):
    give(live, wallet, "5")
    problem(live.post(f"/wallets/{wallet}/close", {}), 422, "unprocessable")
    live.post(f"/wallets/{wallet}/spend", {"amount": "5"})
    closed = live.post(f"/wallets/{wallet}/close", {}).json()
    assert closed["closed_at"]
    problem(live.post(f"/wallets/{wallet}/grants", {"amount": "5"}), 409, "conflict")
    assert error_code(live.patch(f"/wallets/{wallet}", {"priority": 1}), "") == "refused"


def test_sandbox_keys_and_read_only_keys_are_refused(live, sandbox, wallet):
    lot = give(live, wallet, "5")["id"]
    for path in (f"/wallets/{wallet}", f"/wallets/{wallet}/lots", f"/wallets/{wallet}/transactions", f"/lots/{lot}"):
        problem(sandbox.get(path), 404, "not-found")
    posts = {"grants": {"amount": "1"}, "spend": {"amount": "1"}, "close": {}}
    posts["transfer"] = {"to": wallet, "amount": "1", "reason": "x"}
    lots = {"void": {"reason": "x"}, "refund": {"reason": "x"}, "extend": {"reason": "x", "expires_at": None}}
    addresses = {f"/wallets/{wallet}/{operation}": body for operation, body in posts.items()}
    addresses |= {f"/lots/{lot}/{operation}": body for operation, body in lots.items()}
    for path, body in addresses.items():
        problem(sandbox.post(path, body), 404, "not-found")
        problem(Caller(scopes=["read"]).post(path, body), 403, "scope-missing")
    assert sandbox.get("/wallets").json()["data"] == []
    assert faults(sandbox.post("/wallets", {"customer": "acme"})) == {"customer": "unknown"}
    assert Lot.objects.get().remaining == 5
