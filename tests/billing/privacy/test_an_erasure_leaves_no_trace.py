"""
No personal data survives an erasure except on invoices. Canaries are seeded in every personal column, and then every
text, JSON and binary column of every table is searched for them.
"""

import io
import json
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import connection

from access.models import SavedView
from billing.models import Event, Subscription, UnmatchedUsage
from billing.privacy import ErasureRefused, erase, find_erasure_blockers
from billing.privacy.retention import apply_retention
from billing.subscriptions import cancel, end_finished
from customers.models import Contact, Customer, IdempotentRequest, Notification
from customers.notifications import announce
from invoices.models import ProviderEvent, Refund
from invoices.one_off_invoices import OneOffLine, OneOffRequest, draft_invoice, issue_draft
from invoices.payments.manual_payments import record_payment
from lib.label_changes import set_labels
from tests.api.calls import Caller, problem
from tests.billing.metering.ingest.ingest_setup import NOW, call, make_metered_subscription, send
from tests.billing.privacy.traces import leave_traces
from tests.builders import make_customer, make_wallet
from tests.clean_books import assert_clean
from tests.customers.notifications import announcements as telling
from tests.owner_rights import as_owner
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
    # table                      why a canary may remain there
    "invoices_invoice": "a document says whom it is for",
    "invoices_invoiceevent": "and so does its history",
    "invoices_rendering": "its file is made of it",
    "invoices_invoicetax": "it says why there is no tax",
    "wallets_transaction": "the ledger is sealed with its reasons",
    "invoices_payment": "a payment keeps the bank's reference",
    "invoices_balanceentry": "balances are books, and each entry keeps its reason",
}
NOTED = {"note": "canary note", "who": {"mail": "canary"}}
COUNTED = {"status": "ok", "model": "gpt", "prompt_tokens": 7, "completion_tokens": 3}
LATER = NOW + timedelta(days=400)


@pytest.fixture
def customer():
    """Return a customer with something personal wherever there is room for it, and nothing due."""
    subscription = make_metered_subscription("canary-customer")
    customer = subscription.customer
    labels = {"metadata": {"canary": "canary"}, "tags": ["canary"]}
    Subscription.objects.filter(pk=subscription.pk).update(external_id="canary-subscription", **labels)
    staff = User.objects.create_user("reader", is_staff=True)
    for name, query in (("Canary Name Ltd", ""), ("Theirs", "q=CANARY+Name+Ltd")):
        SavedView.objects.create(user=staff, list_name="customers.customer", name=name, query=query)
    api = Caller()
    for field, value in DETAILS.items():
        api.send("PATCH", "/customers/canary-customer", {field: value})
    api.send("PATCH", "/customers/canary-customer", labels)
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
    """End and bill the subscriptions, and pay the invoices if `is_paid`."""
    # Imported here, because these modules read the test's clock.
    from billing.closing import close_due
    from invoices.models import Invoice, InvoiceLabels, InvoiceNote
    from invoices.payments.manual_payments import record_payment

    for subscription in Subscription.objects.filter(customer=customer):
        cancel(subscription=subscription, at=NOW, ends_at=NOW)
    close_due(at=LATER)
    end_finished(at=LATER)
    clerk = User.objects.get(username="clerk").pk
    for subscription in Invoice.objects.filter(customer=customer):
        labels = InvoiceLabels(invoice=subscription)
        set_labels(labels, metadata={"canary": "canary"}, tags=["canary"], at=LATER)
        InvoiceNote.objects.create(invoice=subscription, text="Called Canary", by_id=clerk, at=LATER)
        if subscription.due and is_paid:
            record_payment(
                invoice_id=subscription.pk, amount=subscription.due, method="manual", reference="1", at=LATER
            )


def find_text(text):
    """
    Return table.column → count of rows that contain a text in any letter case, for every column that can hold text.
    """
    counts = {}
    with as_owner(), connection.cursor() as cursor:  # every partition, too
        cursor.execute("""
            SELECT c.relname, a.attname, format_type(a.atttypid, -1) FROM pg_attribute a
            JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'public' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
                AND format_type(a.atttypid, -1) ~ '^(text|character|json|bytea|uuid|varchar)'
        """)
        for table, column, kind in cursor.fetchall():
            text_expression = f"encode(\"{column}\", 'escape')" if kind == "bytea" else f'"{column}"::text'
            query = f'SELECT count(*) FROM "{table}" WHERE lower({text_expression}) LIKE %s'  # noqa: S608
            cursor.execute(query, [f"%{text}%"])
            if count := cursor.fetchone()[0]:
                counts[f"{table}.{column}"] = count
    return counts


SEEDED = {
    *("customers_customer.checked_tax_number", "customers_customer.tax_number_proof"),
    *("customers_customerevent.checked_tax_number", "customers_customerevent.tax_number_proof"),
    *("customers_portallink.email", "customers_portalsession.email", "django_admin_log.object_repr"),
    *("invoices_paymentmethod.label", "invoices_paymentmethodevent.label", "invoices_paymentattempt.reason"),
    *("invoices_paymentmethod.mandate", "invoices_paymentmethodevent.mandate"),
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


def test_no_personal_data_survives_except_on_invoices(customer):
    finish(customer)
    seeded = find_text(CANARY)
    assert set(seeded) >= SEEDED, SEEDED - set(seeded)
    assert any(name.startswith("billing_event_") and name.endswith("properties") for name in seeded)
    assert "invoices_invoice.buyer_facts" in seeded

    erased = erase(customer_id=customer.pk, at=LATER)

    remaining = {name for name in find_text(CANARY) if name.split(".")[0] not in DOCUMENTS}
    # Names of the product, not of a person: a lot's source belongs to the ledger, a key to the product.
    assert remaining - {"wallets_lot.source", "wallets_lotevent.source", "customers_idempotentrequest.key"} == set()
    assert erased.name == f"erased-{customer.pk}"
    assert_clean()


def test_counted_properties_are_unchanged(customer):
    finish(customer)
    erase(customer_id=customer.pk, at=LATER)

    assert sorted((event.properties for event in Event.objects.all()), key=len) == [
        {},
        {},
        COUNTED,
    ]


def test_events_sent_after_the_erasure_are_unmatched(customer):
    finish(customer)
    erase(customer_id=customer.pk, at=LATER)
    sent = {**call("later"), "customer": "canary-customer"}
    repeated = {**call("e1"), "customer": "canary-customer", "properties": NOTED}

    assert send(sent, repeated) == ["accepted", "duplicate"]
    [report] = UnmatchedUsage.objects.filter(customer_ref="canary-customer")
    assert (report.reason, report.customer_id) == ("unknown_customer", None)
    assert_clean()


def test_events_after_the_end_are_unmatched(customer):
    finish(customer)
    over = {"customer": "canary-customer", "timestamp": (NOW + timedelta(minutes=1)).isoformat()}
    send(call("before") | over)  # this process now caches the customer's former id
    erase(customer_id=customer.pk, at=LATER)
    send(call("after") | over)

    assert Event.objects.get(sender_id="before").customer_id == customer.pk
    assert Event.objects.get(sender_id="after").customer_id is None
    assert_clean()


def test_a_customer_is_erased_once(customer):
    finish(customer)
    first, repeated = (erase(customer_id=customer.pk, at=LATER) for _ in range(2))

    assert (first.events, repeated) == (3, (first.name, 0))


def test_the_former_id_is_unknown_after_the_erasure(customer):
    finish(customer)
    api = Caller()
    answer = api.post("/customers/canary-customer/erase", {}, Idempotency_Key="e")

    assert answer.json() == {"customer": f"erased-{customer.pk}", "events": 3}
    problem(api.get("/customers/canary-customer"), 404, "not-found")
    assert api.get(f"/customers/erased-{customer.pk}").json()["legal_name"] == "Erased"
    problem(api.patch(f"/customers/erased-{customer.pk}", {"city": "Rome"}), 409, "conflict")


def test_running_subscriptions_and_balances_prevent_an_erasure(customer):
    grant_manually(wallet=customer.wallets.get(), terms=Grant("bonus", Decimal(3), "b"), at=NOW)
    reasons = find_erasure_blockers(customer)

    assert [reason.split(".")[0] for reason in reasons] == [
        "The subscription canary-subscription is active",
        "Some usage is not billed yet",
        "The wallet Credits holds 3 credits",
    ]
    with pytest.raises(ErasureRefused, match="End it"):
        erase(customer_id=customer.pk, at=NOW)
    error = problem(Caller().post("/customers/canary-customer/erase", {}), 409, "conflict")
    assert "End it, and wait for its last invoice, first." in error["detail"]
    assert Customer.objects.get().legal_name == "Canary Name Ltd"


def test_an_unpaid_invoice_prevents_an_erasure(customer):
    finish(customer, is_paid=False)

    [reason] = find_erasure_blockers(customer)
    assert reason.endswith("Collect or credit it first.")


def test_pending_refunds_and_customer_balances_prevent_an_erasure(customer):
    finish(customer)
    work = OneOffLine("Work", Decimal(10), date(2026, 1, 15), date(2026, 1, 15))
    owed = issue_draft(invoice_id=draft_invoice(customer=customer, request=OneOffRequest([work]), at=NOW).pk, at=NOW)
    record_payment(
        invoice_id=owed.pk,
        amount=owed.due + 5,
        method="manual",
        reference="too much",
        at=LATER,
        keeps_surplus=True,
    )
    assert find_erasure_blockers(customer) == ["The customer balance holds $5.00. Pay it out or apply it first."]

    Refund.objects.create(customer=customer, amount=5, currency="USD", provider="manual", created_at=LATER)
    with pytest.raises(
        ErasureRefused, match=r"A payment attempt or refund is pending\. .*The customer balance holds"
    ):
        erase(customer_id=customer.pk, at=LATER)


def test_provider_events_of_another_customer_are_kept(customer):
    theirs = {"id": "evt_2", "data": {"object": {"customer": "cus_10", "name": "Somebody"}}}
    ProviderEvent.objects.create(provider="stripe", ref="evt_2", kind="x", content=theirs, received_at=NOW)
    finish(customer)
    erase(customer_id=customer.pk, at=LATER)

    assert ProviderEvent.objects.get(ref="evt_2").content == theirs


def test_the_export_has_all_data_of_the_customer(customer):
    finish(customer)
    file = io.BytesIO(b"".join(Caller().get("/customers/canary-customer/export").streaming_content))
    with zipfile.ZipFile(file) as archive:
        document = json.loads(archive.read("customer.json"))
        tables = {name: archive.read(name).decode().splitlines() for name in archive.namelist() if "csv" in name}

    assert document["customer"]["legal_name"] == "Canary Name Ltd"
    assert document["contacts"][0]["email"] == "p@canary.example"
    assert document["subscriptions"][0]["id"] == "canary-subscription"
    used = sorted((entry["meter"], entry["quantity"].split(".")[0]) for entry in document["usage"])
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


def test_another_customer_is_unchanged(customer):
    other = make_customer("other", legal_name="Other Ltd")
    Contact.objects.create(customer=other, email="o@other.example")
    announce(kind="alert.fired", customer_id=other.pk, facts={"value": "1"}, key="other", at=NOW)
    finish(customer)
    erase(customer_id=customer.pk, at=LATER)

    other.refresh_from_db()
    assert (other.legal_name, other.contacts.count(), Notification.objects.filter(customer=other).count()) == (
        "Other Ltd",
        1,
        1,
    )


KEPT = [
    # retention days, days since the end, erased
    (0, 1000, 0),
    (365, 364, 0),
    (365, 366, 1),
]


@pytest.mark.parametrize(("kept", "since", "erased"), KEPT)
def test_a_customer_who_left_long_ago_is_erased_automatically(customer, settings, kept, since, erased):
    finish(customer)
    settings.CUSTOMER_RETENTION_DAYS = kept
    ended = Subscription.objects.get().ends_at

    assert apply_retention(at=ended + timedelta(days=since)).erased == erased


def test_addresses_in_the_audit_log_are_deleted(customer, settings):
    settings.ADDRESS_RETENTION_DAYS = 30
    assert apply_retention(at=datetime.now(UTC)).addresses == 0
    assert apply_retention(at=datetime.now(UTC) + timedelta(days=31)).addresses > 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pghistory_context WHERE metadata ? 'url'")
        assert cursor.fetchone() == (0,)


def test_old_provider_events_are_cleared(customer):
    waits = ProviderEvent.objects.create(
        provider="stripe", ref="evt_9", kind="x", content={"id": "evt_9"}, received_at=NOW, next_at=NOW
    )

    assert [apply_retention(at=NOW + timedelta(days=days)).messages for days in (89, 91, 91)] == [0, 1, 0]
    waits.refresh_from_db()
    assert waits.content, "it is not followed yet"
