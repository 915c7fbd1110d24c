"""Staff's wallet actions are previewed, need a reason and a permission, and take effect once."""

import re
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.utils import timezone

from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer, make_feature
from wallets.ledger.grant import Grant, grant
from wallets.ledger.hold import hold
from wallets.ledger.spend import SpendRequest, spend
from wallets.models import Lot, Transaction, Wallet


@pytest.fixture
def wallet(db):
    wallet = Wallet.objects.create(customer=make_customer("acme", legal_name="Acme"), name="Main")
    soon = timezone.now() + timedelta(days=5)
    lot = Grant("purchased", D(100), "pack", cost=D(80), expires_at=soon)
    grant(wallet_id=wallet.pk, grants=[lot], at=timezone.now())
    wallet.refresh_from_db()
    return wallet


def page(client, address):
    answer = client.get(f"/admin/wallets/{address}/")
    assert answer.status_code == 200, answer
    return answer.content.decode()


def key_of(text):
    return re.search(r'name="key" value="([0-9a-f-]{36})"', text)[1]


def send(client, address, button, **fields):
    """Open a form and post it, either for the preview or to apply it."""
    typed = {"key": key_of(page(client, address)), "_reason": "asked for", **fields}
    answer = client.post(f"/admin/wallets/{address}/", {**typed, button: ""})
    return typed, answer.content.decode() if answer.status_code == 200 else ""


def lot_of(wallet):
    return wallet.lots.get()


def test_a_grant_is_previewed_and_applied_once(member, wallet):
    client, address = member("finance"), f"wallet/{wallet.pk}/grant"
    typed, text = send(client, address, "_preview", kind="bonus", amount="1,250.5")
    assert "100 credits</span> → <strong>1,350.5 credits" in text
    assert Lot.objects.count() == 1
    for _ in range(2):
        assert client.post(f"/admin/wallets/{address}/", {**typed, "_do": ""}).status_code == 302
    bonus_lot = Lot.objects.get(kind="bonus")
    movement = Transaction.objects.get(kind="grant", entries__lot=bonus_lot)
    assert (bonus_lot.amount, movement.reason, movement.by.first_name) == (D("1250.5"), "asked for", "Finance")
    repeated = client.post(f"/admin/wallets/{address}/", {**typed, "_preview": ""}).content.decode()
    assert "This is already done" in repeated


def test_a_refund_shows_the_amount_to_pay_back(member, wallet):
    client, address = member("finance"), f"lot/{lot_of(wallet).pk}/refund"
    typed, text = send(client, address, "_preview", amount="25")
    assert "Amount to pay back, before tax: $20.00" in text
    for _ in range(2):
        client.post(f"/admin/wallets/{address}/", {**typed, "_do": ""})
    assert lot_of(wallet).remaining == 75


def test_a_refund_of_a_lot_that_is_taxed_when_used_returns_no_tax(member, wallet):
    terms = Grant("purchased", D(10), "multi", cost=D(9), tax_point="used")
    (lot,) = grant(wallet_id=wallet.pk, grants=[terms], at=timezone.now())
    _, text = send(member("finance"), f"lot/{lot.pk}/refund", "_preview", amount="5")
    assert "Amount to pay back: $4.50. No tax was charged on it." in text


def test_a_lot_is_voided_extended_and_moved(member, wallet):
    client, lot = member("finance"), lot_of(wallet)
    send(client, f"lot/{lot.pk}/void", "_do", amount="10")
    later = timezone.now() + timedelta(days=60)
    when = {"expires_at_0": f"{later:%Y-%m-%d}", "expires_at_1": "00:00:00"}
    _, text = send(client, f"lot/{lot.pk}/extend", "_preview", **when)
    assert "No units are moved" in text
    send(client, f"lot/{lot.pk}/extend", "_do", **when)
    assert lot_of(wallet).expires_at.date() == later.date()
    other = Wallet.objects.create(customer=wallet.customer, name="Spare")
    send(client, f"wallet/{wallet.pk}/transfer", "_do", to=other.pk, amount="30")
    assert (lot_of(wallet).remaining, lot_of(other).remaining, lot_of(other).cost) == (60, 30, 24)


def test_a_grant_is_for_the_chosen_features(member, wallet):
    features = sorted(make_feature(code).pk for code in ("chat", "images"))
    send(member("finance"), f"wallet/{wallet.pk}/grant", "_do", kind="bonus", amount="5", features=features)
    assert Lot.objects.get(kind="bonus").features == features


def test_all_units_are_voided_and_held_ones_stay(member, wallet):
    until, request = timezone.now() + timedelta(days=1), SpendRequest(D(30), timezone.now(), "run")
    hold(customer_id=wallet.customer_id, unit="credits", request=request, until=until)
    client, address = member("finance"), f"wallet/{wallet.pk}/void_all"
    typed, text = send(client, address, "_preview")
    assert "70 credits voided. Reservations hold 30 credits, which stay in the wallet." in text
    assert lot_of(wallet).remaining == 100
    for _ in range(2):
        answer = client.post(f"/admin/wallets/{address}/", {**typed, "_do": ""}, follow=True)
        assert "70 credits voided. Reservations hold 30 credits" in answer.content.decode()
    movement = Transaction.objects.get(kind="void")
    assert (lot_of(wallet).remaining, movement.reason, movement.by.first_name) == (30, "asked for", "Finance")


REFUSED = [
    # action    typed                           message
    ("grant", {"kind": "bonus", "amount": "0"}, "must be above zero"),
    ("grant", {"kind": "purchased", "amount": "1"}, "Select a valid choice"),
    ("grant", {"kind": "bonus", "amount": "1", "_reason": ""}, "This field is required"),
    (
        "grant",
        {"kind": "bonus", "amount": "1"}
        | {"valid_from_0": "2025-01-01", "valid_from_1": "00:00:00"}
        | {"expires_at_0": "2025-02-01", "expires_at_1": "00:00:00"},
        "The expiry (2025-02-01 00:00) is in the past.",
    ),
    ("transfer", {"to": "0", "amount": "1"}, "Select a valid choice"),
]


@pytest.mark.parametrize(("action", "typed", "message"), REFUSED)
def test_an_invalid_action_shows_the_error_at_its_field(member, wallet, action, typed, message):
    _, text = send(member("finance"), f"wallet/{wallet.pk}/{action}", "_do", **typed)
    assert message in text
    assert Lot.objects.count() == 1


def test_more_than_the_remaining_amount_can_not_be_voided(member, wallet):
    _, text = send(member("finance"), f"lot/{lot_of(wallet).pk}/void", "_do", amount="101")
    assert "credits available" in text


@pytest.mark.parametrize("group", ["operations", "support", "engineer", "finance approver"])
def test_staff_without_the_permission_can_not_change_wallets(member, wallet, group):
    client, lot = member(group), lot_of(wallet)
    page_text = page(client, f"wallet/{wallet.pk}/change")
    assert f"/admin/wallets/lot/{lot.pk}/void/" not in page_text
    moves = [f"wallet/{wallet.pk}/{action}" for action in ("grant", "transfer", "void_all", "close")]
    for address in [*moves, *(f"lot/{lot.pk}/{action}" for action in ("refund", "void", "extend"))]:
        answer = client.post(f"/admin/wallets/{address}/", {"_do": "", "amount": "1"})
        assert answer.status_code in (302, 403), address
        if answer.status_code == 302:
            assert "confirm" not in answer.url
    assert lot_of(wallet).remaining == 100


def test_the_page_shows_the_balance_and_the_lots_that_paid(member, wallet):
    feature, now = make_feature("images"), timezone.now()
    spend(wallet_id=wallet.pk, amount=D("12.5"), reference="x", feature_id=feature.pk, at=now, reason="by hand")
    text = page(member("support"), f"wallet/{wallet.pk}/change")
    for part in ("87.5 credits", "Expires ", "Daily usage", "Used: images", "-12.5", "$70.00", "by hand"):
        assert part in text, part
    narrowed = page(member("support"), f"wallet/{wallet.pk}/change").count("Used: images")
    only = member("support").get(f"/admin/wallets/wallet/{wallet.pk}/change/?kind=grant").content.decode()
    assert (narrowed, only.count("Used: images")) == (1, 0)


def test_the_page_of_a_wallet_that_pays_invoices_shows_its_ongoing_balance(member, wallet):
    fields = {"unit": "EUR", "currency": "EUR", "pays_invoices": True}
    paying = Wallet.objects.create(customer=wallet.customer, name="Money", **fields)
    grant(wallet_id=paying.pk, grants=[Grant("purchased", D(10), "pack", cost=D(10))], at=timezone.now())
    make_invoice(wallet.customer)  # of 17.85
    text = page(member("support"), f"wallet/{paying.pk}/change")
    assert "Ongoing balance</span><strong>-€7.85" in text
    assert "Ongoing balance" not in page(member("support"), f"wallet/{wallet.pk}/change")


def test_a_wallet_is_opened_configured_and_closed(member, db):
    client, customer = member("finance"), make_customer("acme")
    typed = {"customer": customer.pk, "unit": "EUR", "currency": "EUR", "name": "Euro", "priority": "50"}
    typed |= {"at_zero": "", "grace": "", "promotional_first": "on"}
    client.post("/admin/wallets/wallet/add/", typed)
    wallet = Wallet.objects.get()
    assert (wallet.unit, str(wallet.currency), wallet.customer) == ("EUR", "EUR", customer)
    address = f"/admin/wallets/wallet/{wallet.pk}"
    behaves = {"name": "Euro", "priority": "10", "at_zero": "grace", "grace": "1,000"}
    error_page = client.post(f"{address}/change/", behaves | {"grace": ""}).content.decode()
    assert "Enter an overdraft limit." in error_page
    grant(wallet_id=wallet.pk, grants=[Grant("bonus", D(5), "b")], at=timezone.now())
    client.post(f"{address}/change/", behaves)
    wallet.refresh_from_db()
    assert (wallet.priority, wallet.at_zero, wallet.grace, wallet.balance) == (10, "grace", 1000, 5)
    assert "how far below zero" not in client.get(f"{address}/history/").content.decode().casefold()
    assert "grace" in client.get(f"{address}/history/").content.decode().casefold()
    client.post(f"{address}/close/", {})
    assert Wallet.objects.get().closed_at is None
    spend(wallet_id=wallet.pk, amount=D(5), reference="s", at=timezone.now())
    client.post(f"{address}/close/", {})
    assert Wallet.objects.get().closed_at is not None


def test_an_invalid_new_wallet_shows_the_error_at_its_field(member, db):
    client, customer = member("finance"), make_customer("acme")
    typed = {"customer": customer.pk, "unit": "XXX", "currency": "USD", "name": "W", "priority": "50", "at_zero": ""}
    page_text = client.post("/admin/wallets/wallet/add/", typed).content.decode()
    assert "“XXX” is not a unit" in page_text
    page_text = client.post("/admin/wallets/wallet/add/", typed | {"unit": "EUR"}).content.decode()
    assert "The currency of a wallet that holds EUR must be EUR" in page_text
    assert not Wallet.objects.exists()


def test_wallets_are_found_by_customer_unit_and_debt(member, wallet):
    other = Wallet.objects.create(customer=make_customer("zeta", legal_name="Zeta"), unit="USD", name="Dollars")
    Wallet.objects.filter(pk=other.pk).update(debt=5, debt_limit=5, balance=-5)
    client = member("support")
    searches = [("q=Acme", "Main"), ("q=zeta", "Dollars"), ("of=money", "Dollars"), ("stands=owes", "Dollars")]
    for query, wallet_name in searches:
        text = client.get(f"/admin/wallets/wallet/?{query}").content.decode()
        assert (wallet_name in text, {"Main": "Dollars", "Dollars": "Main"}[wallet_name] in text) == (True, False), (
            query
        )
    assert "Negative balances" in client.get("/admin/").content.decode()
    customer_page = client.get(f"/admin/customers/customer/{wallet.customer_id}/change/").content.decode()
    assert f"/admin/wallets/wallet/{wallet.pk}/change/" in customer_page
    assert "100 credits" in customer_page
