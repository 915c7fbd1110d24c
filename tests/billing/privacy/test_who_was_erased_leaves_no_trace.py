"""
Nothing personal survives an erasure but in documents: canaries are seeded in every personal column there is, and then
every text, JSON and binary column of every table is searched for them.
"""

import io
import json
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from billing.audit import assert_clean
from billing.models import Event, Subscription, UnmatchedUsage
from billing.privacy import ErasureRefused, erase, find_erasure_blockers
from billing.privacy.retention import apply_retention
from billing.subscriptions import cancel, end_finished
from customers.models import Contact, Customer, IdempotentRequest, Notification
from customers.notifications import announce
from invoices.models import ProviderEvent, Refund
from invoices.one_off_invoices import OneOffLine, OneOffRequest, draft_invoice, issue_draft
from invoices.payments.manual_payments import record_payment
from tests.api.calls import Caller, problem
from tests.billing.metering.ingest.ingest_setup import NOW, call, make_metered_subscription, send
from tests.billing.privacy.traces import leave_traces
from tests.builders import make_customer, make_wallet
from tests.customers.notifications import announcements as telling
from wallets.ledger import adjustments
from wallets.ledger.grant import Grant
from wallets.operations.manual_grants import grant_manually

pytestmark = pytest.mark.django_db

CANARY = "canary"
DETAILS = {
    "legal_name": "Canary Name Ltd",
    "address_line1": "1 Canary Street",
    "address_line2": "canary floor",
    "postal_code": "canary-1",
    "city": "Canaryville",
    "region": "canary region",
    "tax_number": "DEcanary",
    "email": "canary@canary.example",
    "purchase_order": "canary order",
    "tax_exemption": "canary exemption",
}
DOCUMENTS = {
    # table                      why a canary may still be there
    "invoices_invoice": "a document says whom it is for",
    "invoices_invoiceevent": "and so does its history",
    "invoices_rendering": "its file is made of it",
    "invoices_invoicetax": "it says why there is no tax",
    "wallets_transaction": "the ledger is sealed with its reasons",
    "invoices_payment": "a payment is known by what the bank calls it",
    "invoices_balanceentry": "balances are books, and say what each movement was for",
}
NOTED = {"note": "canary note", "who": {"mail": "canary"}}
COUNTED = {"status": "ok", "model": "gpt", "prompt_tokens": 7, "completion_tokens": 3}
LATER = NOW + timedelta(days=400)


@pytest.fixture
def gone():
    """Return a customer with something personal wherever there is room for it, and nothing due."""
    subscription = make_metered_subscription("canary-customer")
    customer = subscription.customer
    Subscription.objects.filter(pk=subscription.pk).update(external_id="canary-subscription")
    api = Caller()
    for field, value in DETAILS.items():
        api.send("PATCH", "/customers/canary-customer", {field: value})
    api.post(
        "/customers/canary-customer/contacts",
        {"name": "Canary Person", "email": "p@canary.example"},
        Idempotency_Key="canary-key",
    )
    send(
        {
            **call("e1"),
            "customer": "canary-customer",
            "properties": {"note": "canary note", "who": {"mail": "canary"}},
        },
        {**call("e2"), "customer": "canary-customer", "event": "nobody.counts", "properties": {"x": "canary"}},
        {
            **call("e3"),
            "customer": "canary-customer",
            "event": "llm.request",
            "subscription": "canary-subscription",
            "properties": {**COUNTED, "user": "canary user"},
        },
    )
    announce(kind="alert.recovered", customer_id=customer.pk, facts={"value": "canary"}, key="canary-told", at=NOW)
    telling.create_endpoint("https://example.com/hook")
    telling.fan_out(at=NOW)
    wallet = make_wallet(customer)
    lot = grant_manually(wallet=wallet, terms=Grant("promotional", Decimal(5), "canary-source"), at=NOW)
    adjustments.void(lot_id=lot.pk, amount=lot.amount, reference="v", reason="canary reason", at=NOW)
    IdempotentRequest.objects.create(
        api_key=api.key,
        key="k",
        request_sha256="0" * 64,
        status=200,
        body='{"id": "canary-customer"}',
        created_at=NOW,
    )
    leave_traces(customer)
    customer.refresh_from_db()
    return customer


def finish(customer, *, is_paid=True):
    """End and bill what runs, and have it paid."""
    # Imported late: they read the clock of the test.
    from billing.closing import close_due
    from invoices.models import Invoice
    from invoices.payments.manual_payments import record_payment

    for subscription in Subscription.objects.filter(customer=customer):
        cancel(subscription=subscription, at=NOW, ends_at=NOW)
    close_due(at=LATER)
    end_finished(at=LATER)
    for subscription in Invoice.objects.filter(customer=customer):
        if subscription.due and is_paid:
            record_payment(invoice_id=subscription.pk, amount=subscription.due, method="manual", reference="1", at=LATER)


def holding(text):
    """Return table.column → rows that hold a text, of every column that can, whatever its case."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT c.relname, a.attname, format_type(a.atttypid, -1) FROM pg_attribute a
            JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'public' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
                AND format_type(a.atttypid, -1) ~ '^(text|character|json|bytea|uuid|varchar)'
        """)
        for table, column, kind in cursor.fetchall():
            shown = f"encode(\"{column}\", 'escape')" if kind == "bytea" else f'"{column}"::text'
            asked = f'SELECT count(*) FROM "{table}" WHERE lower({shown}) LIKE %s'  # noqa: S608
            cursor.execute(asked, [f"%{text}%"])
            if count := cursor.fetchone()[0]:
                found[f"{table}.{column}"] = count
    return found


SEEDED = {
    *("customers_customer.checked_tax_number", "customers_customer.tax_number_proof"),
    *("customers_customerevent.checked_tax_number", "customers_customerevent.tax_number_proof"),
    *("customers_portallink.email", "customers_portalsession.email", "django_admin_log.object_repr"),
    *("invoices_paymentmethod.label", "invoices_paymentmethodevent.label", "invoices_paymentattempt.reason"),
    *("invoices_paymentattempt.back_to", "invoices_refund.reason", "invoices_payment.reference"),
    *("invoices_providerevent.content", "invoices_providerevent.outcome"),
    *("billing_planmigration.selection", "billing_planmigrationevent.selection", "billing_job.parameters"),
    *(f"customers_customer.{name}" for name in (*DETAILS, "external_id")),
    *(f"customers_customerevent.{name}" for name in (*DETAILS, "external_id")),
    *("customers_contact.name", "customers_contact.email", "customers_contactevent.email"),
    *("customers_notification.facts", "customers_idempotentrequest.body", "pghistory_context.metadata"),
    *("billing_subscription.external_id", "billing_subscriptionevent.external_id"),
    *("billing_unmatchedusage.customer_ref", "wallets_transaction.reason"),
}


def test_nothing_survives_but_in_documents(gone):
    finish(gone)
    seeded = holding(CANARY)
    assert set(seeded) >= SEEDED, SEEDED - set(seeded)
    assert any(name.startswith("billing_event_") and name.endswith("properties") for name in seeded)
    assert "invoices_invoice.buyer_facts" in seeded

    erased = erase(customer_id=gone.pk, at=LATER)

    left = {name for name in holding(CANARY) if name.split(".")[0] not in DOCUMENTS}
    # What the product calls things, and no person: the source of a lot is the ledger's, a key the product's own.
    assert left - {"wallets_lot.source", "wallets_lotevent.source", "customers_idempotentrequest.key"} == set()
    assert erased.name == f"erased-{gone.pk}"
    assert_clean()


def test_what_is_counted_is_as_it_was(gone):
    finish(gone)
    erase(customer_id=gone.pk, at=LATER)

    assert sorted((event.properties for event in Event.objects.all()), key=len) == [
        {},
        {},
        COUNTED,
    ]


def test_what_still_comes_for_it_is_nobodys(gone):
    finish(gone)
    erase(customer_id=gone.pk, at=LATER)
    sent = {**call("later"), "customer": "canary-customer"}
    repeated = {**call("e1"), "customer": "canary-customer", "properties": NOTED}

    assert send(sent, repeated) == ["accepted", "duplicate"]
    [report] = UnmatchedUsage.objects.filter(customer_ref="canary-customer")
    assert (report.reason, report.customer_id) == ("unknown_customer", None)
    assert_clean()


def test_what_comes_after_its_end_is_nobodys(gone):
    finish(gone)
    over = {"customer": "canary-customer", "timestamp": (NOW + timedelta(minutes=1)).isoformat()}
    send(call("before") | over)  # so this process knows it by its former name
    erase(customer_id=gone.pk, at=LATER)
    send(call("after") | over)

    assert Event.objects.get(sender_id="before").customer_id == gone.pk
    assert Event.objects.get(sender_id="after").customer_id is None
    assert_clean()


def test_it_happens_once(gone):
    finish(gone)
    first, repeated = (erase(customer_id=gone.pk, at=LATER) for _ in range(2))

    assert (first.events, repeated) == (3, (first.name, 0))


def test_nothing_is_known_of_the_customer_by_its_id(gone):
    finish(gone)
    api = Caller()
    answer = api.post("/customers/canary-customer/erase", {}, Idempotency_Key="e")

    assert answer.json() == {"customer": f"erased-{gone.pk}", "events": 3}
    problem(api.get("/customers/canary-customer"), 404, "not-found")
    assert api.get(f"/customers/erased-{gone.pk}").json()["legal_name"] == "Erased"
    problem(api.patch(f"/customers/erased-{gone.pk}", {"city": "Rome"}), 409, "conflict")


def test_what_runs_or_is_owed_stands_against_it(gone):
    grant_manually(wallet=gone.wallets.get(), terms=Grant("bonus", Decimal(3), "b"), at=NOW)
    reasons = find_erasure_blockers(gone)

    assert [reason.split(".")[0] for reason in reasons] == [
        "The subscription canary-subscription is active",
        "Some of its usage is not billed yet",
        "The wallet Credits holds 3 credits",
    ]
    with pytest.raises(ErasureRefused, match="End it"):
        erase(customer_id=gone.pk, at=NOW)
    error = problem(Caller().post("/customers/canary-customer/erase", {}), 409, "conflict")
    assert "End it, and let its last invoice be issued first." in error["detail"]
    assert Customer.objects.get().legal_name == "Canary Name Ltd"


def test_what_is_due_stands_against_it(gone):
    finish(gone, is_paid=False)

    [reason] = find_erasure_blockers(gone)
    assert reason.endswith("is due. Have it paid, or credit it, first.")


def test_money_that_is_on_its_way_or_still_theirs_stands_against_it(gone):
    finish(gone)
    work = OneOffLine("Work", Decimal(10), date(2026, 1, 15), date(2026, 1, 15))
    owed = issue_draft(invoice_id=draft_invoice(customer=gone, request=OneOffRequest([work]), at=NOW).pk, at=NOW)
    record_payment(
        invoice_id=owed.pk,
        amount=owed.due + 5,
        method="manual",
        reference="too much",
        at=LATER,
        keeps_surplus=True,
    )
    assert find_erasure_blockers(gone) == ["$5.00 of its balance is left. Pay it out, or set it off, first."]

    Refund.objects.create(customer=gone, amount=5, currency="USD", provider="manual", created_at=LATER)
    with pytest.raises(ErasureRefused, match=r"A charge or a refund is under way\. .* of its balance is left"):
        erase(customer_id=gone.pk, at=LATER)


def test_what_was_told_of_another_customer_stays(gone):
    theirs = {"id": "evt_2", "data": {"object": {"customer": "cus_10", "name": "Somebody"}}}
    ProviderEvent.objects.create(provider="stripe", ref="evt_2", kind="x", content=theirs, received_at=NOW)
    finish(gone)
    erase(customer_id=gone.pk, at=LATER)

    assert ProviderEvent.objects.get(ref="evt_2").content == theirs


def test_all_that_is_known_is_handed_out(gone):
    finish(gone)
    file = io.BytesIO(b"".join(Caller().get("/customers/canary-customer/export").streaming_content))
    with zipfile.ZipFile(file) as archive:
        document = json.loads(archive.read("customer.json"))
        tables = {name: archive.read(name).decode().splitlines() for name in archive.namelist() if "csv" in name}

    assert document["customer"]["legal_name"] == "Canary Name Ltd"
    assert document["contacts"][0]["email"] == "p@canary.example"
    assert document["subscriptions"][0]["id"] == "canary-subscription"
    used = sorted((one["meter"], one["quantity"].split(".")[0]) for one in document["usage"])
    assert used == [("calls", "1"), ("tokens", "3"), ("tokens", "7")]
    assert document["invoices"][0]["number"] in tables["invoices.csv"][1]
    assert document["wallet_movements"][-1]["reason"] == "canary reason"
    assert len(document["changes"]) > len(DETAILS)
    assert document["customer"]["tax_number_proof"] == "canary consultation"
    assert document["cards"][0]["label"] == "Canary Card 4242"
    assert [charge["reason"] for charge in document["charges"]] == ["Ask Canary Holder for another card", ""]
    assert "Canary Holder" in document["refunds"][0]["reason"]
    assert "Canary Bank 7" in {payment["reference"] for payment in document["payments"]}
    assert "Canary Holder" in document["provider_messages"][0]["content"]
    assert {visit["email"] for visit in document["visits"]} == {"p@canary.example", ""}
    assert all(len(rows) == len(document[name.split(".")[0]]) + 1 for name, rows in tables.items())


def test_another_customer_is_left_as_it_is(gone):
    other = make_customer("other", legal_name="Other Ltd")
    Contact.objects.create(customer=other, email="o@other.example")
    announce(kind="alert.fired", customer_id=other.pk, facts={"value": "1"}, key="other", at=NOW)
    finish(gone)
    erase(customer_id=gone.pk, at=LATER)

    other.refresh_from_db()
    assert (other.legal_name, other.contacts.count(), Notification.objects.filter(customer=other).count()) == (
        "Other Ltd",
        1,
        1,
    )


KEPT = [
    # days kept, days since the end, erased
    (0, 1000, 0),
    (365, 364, 0),
    (365, 366, 1),
]


@pytest.mark.parametrize(("kept", "since", "erased"), KEPT)
def test_who_left_long_ago_is_erased_by_itself(gone, settings, kept, since, erased):
    finish(gone)
    settings.CUSTOMER_RETENTION_DAYS = kept
    ended = Subscription.objects.get().ends_at

    assert apply_retention(at=ended + timedelta(days=since)).erased == erased


def test_addresses_of_changes_are_let_go(gone, settings):
    settings.ADDRESS_RETENTION_DAYS = 30
    assert apply_retention(at=datetime.now(UTC)).addresses == 0
    assert apply_retention(at=datetime.now(UTC) + timedelta(days=31)).addresses > 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pghistory_context WHERE metadata ? 'url'")
        assert cursor.fetchone() == (0,)


def test_what_providers_told_is_let_go(gone):
    waits = ProviderEvent.objects.create(
        provider="stripe", ref="evt_9", kind="x", content={"id": "evt_9"}, received_at=NOW, next_at=NOW
    )

    assert [apply_retention(at=NOW + timedelta(days=days)).messages for days in (89, 91, 91)] == [0, 1, 0]
    waits.refresh_from_db()
    assert waits.content, "it is not followed yet"
