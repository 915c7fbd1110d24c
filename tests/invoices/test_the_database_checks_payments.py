"""Raw SQL that violates a constraint of payment attempts, refunds, balances or dunning is refused by it."""

from decimal import Decimal as D

import pytest

from invoices.credit_notes import issue_credit_note
from invoices.models import (
    DunningAct,
    DunningStep,
    PayerAccount,
    PaymentAttempt,
    PaymentMethod,
    ProviderEvent,
    Refund,
)
from invoices.payments import attempts
from invoices.payments.manual_payments import record_payment
from invoices.payments.merchant_accounts import set_merchant_account
from invoices.payments.providers import ProviderResponse
from tests.api.invoice_rows import make_invoice
from tests.builders import FEB, make_customer, make_seller
from tests.db_refusals import refused_by

pytestmark = pytest.mark.django_db

COLUMNS = {
    "paymentattempt": (
        *("key", "amount", "currency", "state", "ref", "code", "reason", "tries", "next_at", "created_at"),
        *("settled_at", "invoice_id", "number", "provider", "payment_method_id", "page", "back_to", "closes_at"),
    ),
    "refund": (
        *("key", "amount", "currency", "state", "ref", "code", "reason", "tries", "next_at", "created_at"),
        *("settled_at", "customer_id", "seller_id", "note_id", "attempt_id", "provider"),
    ),
    "balanceentry": (
        *(
            "customer_id",
            "seller_id",
            "currency",
            "kind",
            "amount",
            "document_id",
            "reference",
            "place",
            "after",
            "at",
        ),
    ),
    "customerbalance": ("customer_id", "seller_id", "currency", "amount", "entries"),
    "payeraccount": ("customer_id", "seller_id", "provider", "ref", "created_at"),
    "merchantaccount": (
        "seller_id",
        "provider",
        "ref",
        "method_kinds",
        "secret_key",
        "webhook_secret",
        "created_at",
        "closed_at",
    ),
    "paymentmethod": ("account_id", "ref", "label", "kind", "mandate", "is_default", "created_at", "removed_at"),
    "providerevent": ("provider", "ref", "kind", "content", "received_at", "tries", "outcome"),
    "dunningstep": ("seller_id", "days", "action"),
    "dunningact": ("invoice_id", "days", "action", "outcome", "at"),
}


@pytest.fixture(scope="module", autouse=True)
def paid(shared_transaction: None) -> None:
    """Create a succeeded and a pending payment attempt, a refund, and a balance."""
    customer = make_customer("acme", seller=make_seller(), currency="EUR")
    set_merchant_account(seller=customer.seller, secret_key="sk_test_1", webhook_secret="whsec_1", at=FEB)
    account = PayerAccount.objects.create(customer=customer, provider="stripe", ref="cus_1", created_at=FEB)
    PaymentMethod.objects.create(account=account, ref="pm_1", label="Visa 4242", is_default=True, created_at=FEB)
    first, second, third = (make_invoice(customer, net="20.00", tax="3.80") for _ in range(3))
    charge = attempts.start_payment(invoice_id=first.pk, at=FEB)
    attempts.record_outcome(attempt_id=charge.pk, response=ProviderResponse("succeeded", "pi_1"), at=FEB)
    issue_credit_note(invoice_id=first.pk, lines=None, reason="Sorry", to="refund", at=FEB)
    attempts.start_payment(invoice_id=second.pk, at=FEB)
    record_payment(
        invoice_id=third.pk, amount=D("25.00"), method="manual", reference="bank", at=FEB, keeps_surplus=True
    )
    ProviderEvent.objects.create(provider="stripe", ref="evt_1", kind="x", content={}, received_at=FEB)
    DunningStep.objects.create(seller=customer.seller, days=3, action="remind")
    DunningAct.objects.create(invoice=second, days=3, action="remind", at=FEB)


def insert_again(table: str, where: str = "true", **columns: str) -> str:
    """Return SQL that inserts a row a second time, with other values in some columns."""
    names = COLUMNS[table]
    columns = {"key": "gen_random_uuid()", **columns} if "key" in names else columns
    values = ", ".join(columns.get(name, name) for name in names)
    return (
        f"INSERT INTO invoices_{table} ({', '.join(names)}) SELECT {values} FROM invoices_{table}"  # noqa: S608
        f" WHERE {where} ORDER BY id LIMIT 1"
    )


def edit(table: str, change: str, where: str = "true") -> str:
    return f"UPDATE invoices_{table} SET {change} WHERE {where}"  # noqa: S608


PENDING, DONE = "state = 'pending'", "state = 'succeeded'"
NEXT = {"number": "7", "ref": "''"}
DECLINED = {"state": "'declined'", "settled_at": "now()", "next_at": "NULL"}
UNPAID = "(SELECT id FROM invoices_invoice WHERE state = 'issued' AND kind = 'invoice' LIMIT 1)"
ENTRY = {"reference": "'another'"}

CASES = [
    # charges
    ("payment_attempt_is_above_zero", insert_again("paymentattempt", DONE, **NEXT | DECLINED | {"amount": "'NaN'"})),
    (
        "payment_attempt_state_is_known",
        edit("paymentattempt", "state = 'other', settled_at = now(), next_at = NULL", PENDING),
    ),
    ("payment_attempt_is_pending_or_settled", edit("paymentattempt", "settled_at = now()", PENDING)),
    (
        "payment_attempts_of_an_invoice_are_numbered",
        insert_again("paymentattempt", PENDING, state="'declined'", settled_at="now()", next_at="NULL"),
    ),
    ("invoice_has_one_pending_payment_attempt", insert_again("paymentattempt", PENDING, **NEXT)),
    ("payment_attempt_of_a_provider_is_stored_once", edit("paymentattempt", "ref = 'pi_1'", PENDING)),
    ("payment_attempt_provider_is_known", insert_again("paymentattempt", PENDING, **NEXT | {"provider": "'other'"})),
    (
        "payment_attempt_uses_a_payment_method_or_a_page",
        edit("paymentattempt", "page = 'https://example.com'", PENDING),
    ),
    (
        "payment_attempt_is_for_the_amount_due",
        insert_again("paymentattempt", DONE, **NEXT | {"state": "'pending'", "settled_at": "NULL"}),
    ),
    ("payment_attempt_is_settled_once", edit("paymentattempt", "state = 'declined'", DONE)),
    ("payment_attempt_is_settled_once", edit("paymentattempt", "amount = 1", PENDING)),
    ("payment_attempt_is_settled_once", "DELETE FROM invoices_paymentattempt"),
    # refunds
    ("refund_is_above_zero", insert_again("refund", amount="0")),
    ("refund_state_is_known", edit("refund", "state = 'other', settled_at = now(), next_at = NULL")),
    ("refund_is_pending_or_settled", edit("refund", "settled_at = now()")),
    ("refund_provider_is_known", insert_again("refund", amount="0.01", provider="'other'")),
    ("refund_goes_back_as_it_came", insert_again("refund", amount="0.01", attempt_id="NULL", note_id="NULL")),
    ("refund_is_of_money_received", insert_again("refund", amount="0.01")),
    ("refund_is_settled_once", edit("refund", "amount = 1")),
    # balances
    ("balance_moves_by_entries", edit("customerbalance", "amount = 1")),
    ("balance_moves_by_entries", insert_again("customerbalance", currency="'USD'")),
    ("balance_is_never_below_zero", insert_again("balanceentry", **ENTRY, kind="'applied'", amount="-2")),
    ("balance_entry_counts_once", insert_again("balanceentry")),
    ("balance_entry_kind_is_known", insert_again("balanceentry", **ENTRY, kind="'other'")),
    ("balance_entry_sign_fits_kind", insert_again("balanceentry", **ENTRY, kind="'applied'", amount="1")),
    ("balance_entry_names_its_document", insert_again("balanceentry", **ENTRY, document_id="NULL")),
    ("pgtrigger", edit("balanceentry", "amount = 2")),
    # payers and their payment methods
    ("customer_has_one_account_at_a_provider", insert_again("payeraccount", ref="'cus_2'")),
    ("payer_account_provider_is_known", insert_again("payeraccount", provider="'other'")),
    ("payer_account_is_of_one_customer", insert_again("payeraccount", customer_id="0")),
    ("seller_has_one_open_merchant_account", insert_again("merchantaccount")),
    ("merchant_account_provider_is_known", insert_again("merchantaccount", provider="'other'")),
    (
        "merchant_account_secrets_are_kept_encrypted",
        insert_again("merchantaccount", secret_key="'sk_live'", closed_at="now()"),
    ),
    ("payment_method_is_stored_once", insert_again("paymentmethod", is_default="false")),
    ("account_has_one_default_payment_method", insert_again("paymentmethod", ref="'pm_2'")),
    ("removed_payment_method_is_no_default", edit("paymentmethod", "removed_at = now()")),
    # events of providers
    ("provider_event_is_stored_once", insert_again("providerevent")),
    ("event_provider_is_known", insert_again("providerevent", provider="'other'")),
    # dunning
    ("dunning_step_is_taken_once", insert_again("dunningstep")),
    ("dunning_is_within_a_year", edit("dunningstep", "days = 0")),
    ("dunning_action_is_known", edit("dunningstep", "action = 'other'")),
    ("dunning_act_is_done_once", insert_again("dunningact")),
    ("dunning_act_is_within_a_year", insert_again("dunningact", days="366")),
    ("dunning_act_is_known", insert_again("dunningact", action="'other'")),
    ("pgtrigger", edit("dunningact", "days = 4")),
]
UNREACHED = ("balance_entry_has_its_place", "customer_has_one_balance_in_a_currency")
"""Kept by triggers already, which alone make balances and give each entry the next place: these are second locks."""


@pytest.mark.parametrize(("name", "statement"), CASES)
def test_a_violated_constraint_is_rejected(name: str, statement: str) -> None:
    assert refused_by(statement) == name


def test_the_rows_to_violate_exist() -> None:
    assert (PaymentAttempt.objects.count(), Refund.objects.count()) == (2, 1)
