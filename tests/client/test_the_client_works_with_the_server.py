"""Each resource of the client against the product: requests are accepted, and answers are parsed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest
from django.test import Client
from tollbook_client import Conflict, InvalidFields, LimitReached, Money, NotFound, Retries, ScopeMissing, Tollbook
from tollbook_client.resources.events import Event

from plans.models import PromotionCode
from tests.api.calls import Caller
from tests.api.invoice_rows import make_invoice
from tests.builders import fee, make_coupon, make_pack, make_plan, make_seller, offer, publish, rate

D = Decimal


def tollbook(caller):
    """Return a client that calls the product in this process, and sees uncommitted rows of the test."""
    browser = Client()

    def send_request(request):
        path = request.url.raw_path.decode()
        kind = request.headers.get("Content-Type", "")
        response = browser.generic(
            request.method, path, request.content, content_type=kind, headers=dict(request.headers)
        )
        return httpx.Response(response.status_code, content=b"".join(response), headers=dict(response.items()))

    return Tollbook(
        caller.secret, "http://testserver", retries=Retries(patience=0), transport=httpx.MockTransport(send_request)
    )


@pytest.fixture
def client(db):
    make_seller(currency="EUR", time_zone="UTC")
    calls = offer("api.calls", included=100, rates=[rate("0.05")], currency="EUR")
    capped = offer("messages", included=5, consumption="hard_cap")
    publish(make_plan("pro", fees=[fee("10", currency="EUR")], offers=[calls, capped]))
    publish(make_plan("team", fees=[fee("20", currency="EUR")], offers=[calls]))
    return tollbook(Caller())


@pytest.fixture
def acme(client):
    customer = client.customers.create("acme", legal_name="Acme GmbH", country="DE", currency="EUR")
    client.subscriptions.create(customer="acme", plan="pro", id="acme-pro")
    return customer


def test_customers(client, acme):
    changed = client.customers.update("acme", city="Berlin")
    contact = client.customers.add_contact("acme", "bea@acme.example", name="Bea", alerts=False)

    assert client.customers.get("acme") == changed
    assert (changed.city, changed.created_at.tzinfo) == ("Berlin", UTC)
    assert [customer.id for customer in client.customers.list()] == ["acme"]
    assert list(client.customers.contacts("acme")) == [contact]
    with pytest.raises(Conflict):
        client.customers.create("acme", legal_name="Another", country="DE")
    with pytest.raises(InvalidFields) as raised:
        client.customers.update("acme", country="Germany")
    assert raised.value.errors[0].field == "country"


def test_coupons_of_customers(client, acme):
    shared = make_coupon("SHARED", amount=50, currency="EUR", duration="forever")
    PromotionCode.objects.create(code="WELCOME", coupon=shared)
    redeemed = client.customers.redeem_coupon("acme", code="welcome")

    assert (redeemed.code, redeemed.amount_left, redeemed.coupon.amount) == (
        "WELCOME",
        Money(D(50), "EUR"),
        Money(D(50), "EUR"),
    )
    assert list(client.customers.coupons("acme")) == [redeemed]
    with pytest.raises(Conflict):
        client.customers.redeem_coupon("acme", coupon="SHARED")
    assert client.customers.remove_coupon("acme", "SHARED", reason="by mistake").ended_reason == "by mistake"


def test_subscriptions_and_previews_of_changes(client, acme):
    before = client.subscriptions.get("acme-pro")
    preview = client.subscriptions.preview_change("acme-pro", plan="team")

    assert preview.document.total.currency == "EUR"
    assert client.subscriptions.get("acme-pro") == before
    assert client.subscriptions.upcoming("acme-pro").lines
    later = client.subscriptions.change("acme-pro", plan="team", at_period_end=True).subscription
    assert later.scheduled_change.plan == "team"
    client.call("POST", "/subscriptions/acme-pro/change/withdraw")
    ending = client.subscriptions.preview_cancellation("acme-pro", when="now")
    assert ending.total.currency == "EUR"
    assert client.subscriptions.pause("acme-pro", at_period_end=True, reason="Summer").pause.reason == "Summer"
    assert client.subscriptions.resume("acme-pro").pause is None
    assert client.subscriptions.cancel("acme-pro").ends_at == before.current_period.end
    assert client.subscriptions.withdraw_cancellation("acme-pro").ends_at is None
    assert [subscription.id for subscription in client.subscriptions.list(customer="acme", state="active")] == [
        "acme-pro"
    ]


def test_usage_sent_at_once(client, acme):
    events = [Event("acme", "api.calls", id=f"e{number}") for number in range(120)]
    sent = client.events.send(*events)
    repeated = client.events.send(events[0], Event("", "api.calls", id="bad"))

    assert (sent.accepted, sent.rejected) == (120, 0)
    assert (repeated.duplicate, repeated.rejected, repeated.results[1].field) == (1, 1, "customer")
    usage = client.usage.current("acme")
    assert usage.feature("api.calls").used == D(120)
    assert usage.feature("api.calls").cost == Money(D("1.00"), "EUR")
    assert usage.feature("nothing") is None
    since = datetime.now(UTC) - timedelta(days=1)
    slices = client.usage.breakdown(
        "acme", meter="api.calls", since=since, until=since + timedelta(days=2), window="hour"
    )
    assert sum(usage_slice.quantity for usage_slice in slices) == D(120)
    now = datetime.now(UTC)
    minutes = client.usage.breakdown(
        "acme", meter="api.calls", since=now - timedelta(hours=1), until=now + timedelta(hours=1), window="minute"
    )
    assert sum(usage_minute.quantity for usage_minute in minutes) == D(120)
    with pytest.raises(InvalidFields):
        client.events.send(Event("", "api.calls"), atomic=True)


def test_checks_and_reservations(client, acme):
    assert client.usage.check("acme", "messages", 5)
    assert client.usage.check("acme", "messages", 6).reason == "hard_cap_reached"
    with client.reservations.hold("acme", "messages", 4) as hold:
        assert client.usage.check("acme", "messages").reserved == D(4)
        assert hold.commit(3).used == D(3)
    with pytest.raises(ZeroDivisionError), client.reservations.hold("acme", "messages", 2) as failing:
        _ = 1 / 0

    assert client.reservations.get(hold.reservation.number).state == "committed"
    assert client.reservations.get(failing.reservation.number).state == "released"
    assert client.usage.check("acme", "messages").remaining == D(2)
    with pytest.raises(LimitReached) as raised:
        client.reservations.reserve("acme", "messages", 3)
    assert raised.value.limit["reason"] == "hard_cap_reached"
    with pytest.raises(LimitReached):
        client.events.send(*[Event("acme", "messages") for _ in range(3)], check=True)
    with pytest.raises(NotFound):
        client.usage.check("nobody", "messages")


def test_wallets_and_purchases(client, acme):
    make_pack("hundred", units=100, prices={"EUR": 99})
    wallet = client.wallets.open("acme", name="Team")
    lot = client.wallets.grant(wallet.id, "50", key="spring", reason="Spring")
    spent = client.wallets.spend(wallet.id, D("12.5"), key="ticket-1", reason="Set-up")
    bought = client.wallets.buy(wallet.id, "hundred", reference="order-7")
    rule = client.wallets.set_topup_rule(wallet.id, "hundred", threshold="10")

    assert (lot.remaining, spent.balance) == (D(50), D("37.5"))
    assert client.wallets.get(wallet.id).available == D("37.5")
    assert [transaction.kind for transaction in client.wallets.transactions(wallet.id, kind="spend")] == ["spend"]
    assert [lot.id for lot in client.wallets.lots(wallet.id)] == [lot.id]
    assert [listed_wallet.id for listed_wallet in client.wallets.list(customer="acme")] == [wallet.id]
    assert client.wallets.purchase(bought.id) == bought == client.wallets.purchases(wallet.id).first()
    assert client.wallets.topup_rule(wallet.id) == rule
    assert list(client.wallets.topups(wallet.id)) == []
    assert client.wallets.statement_pdf(wallet.id).startswith(b"%PDF")


def test_invoices_credit_notes_and_alerts(client, acme):
    # Imported here: models can be imported only once Django is set up.
    from customers.models import Customer

    stored_invoice = make_invoice(Customer.objects.get())
    invoice = client.invoices.get(stored_invoice.pk)
    note = client.credit_notes.create(
        stored_invoice.pk, reason="Outage", to="balance", lines=[{"line": 1, "amount": "5"}]
    )

    assert (invoice.total, invoice.lines[0].amount) == (Money(D("17.85"), "EUR"), Money(D("15.00"), "EUR"))
    assert [listed_invoice.number for listed_invoice in client.invoices.list(customer="acme")] == [invoice.number]
    assert client.invoices.pdf(stored_invoice.pk).startswith(b"%PDF")
    assert client.credit_notes.get(note.id) == note
    assert [credit_note.id for credit_note in client.credit_notes.list(invoice=invoice.number)] == [note.id]
    assert client.credit_notes.pdf(note.id).startswith(b"%PDF")
    assert list(client.alerts.list(customer="acme", state="open")) == []
    assert client.call("GET", "/plans/pro")["code"] == "pro"


def test_reports_of_the_books(client, acme):
    # Imported here: models can be imported only once Django is set up.
    from customers.models import Customer

    make_invoice(Customer.objects.get())
    books = tollbook(Caller(scopes=["read", "revenue:read"]))
    income = books.revenue.report("income", "acme", currency="EUR", by="plan")
    trial_balance = books.revenue.report("trial-balance", "acme")
    converted = books.revenue.report("deferred", "acme", into="EUR", apart=["USD"])

    assert (income.report, income.currency, income.as_of.tzinfo) == ("income", "EUR", UTC)
    assert (income.columns[0], income.columns[-1], income.locked_until) == ("month", "income", None)
    assert sum(income.amounts("income")) == D("15.00")
    assert trial_balance.rows[-1]["role"] == "Total"
    assert trial_balance.amounts("closing")[-1] == 0
    assert converted.is_converted
    assert books.revenue.report("forecast", "acme").columns
    with pytest.raises(NotFound, match="no report"):
        books.revenue.report("profit", "acme")
    with pytest.raises(InvalidFields) as raised:
        books.revenue.report("income", "acme", by="color")
    assert raised.value.errors[0].field == "by"
    with pytest.raises(ScopeMissing):
        client.revenue.report("income", "acme")


def test_recurring_revenue(client, acme):
    books = tollbook(Caller(scopes=["revenue:read"]))
    mrr = books.revenue.mrr("acme", currency="EUR", months=1)
    movements = books.revenue.movements("acme", mrr.months[-1].month)
    cohorts = books.revenue.cohorts("acme")

    assert (mrr.arr, mrr.months[-1].closing) == (D("120.00"), D("10.00"))
    assert [(row.customer, row.kind, row.amount) for row in movements.movements] == [("acme", "new", D("10.00"))]
    assert cohorts.cohorts[-1].revenue == (D("10.00"),)
    assert books.revenue.retention("acme").customers == 0


def test_month_end_and_accounting_files(client, acme):
    # Imported here: models can be imported only once Django is set up.
    from customers.models import Customer, Seller
    from invoices.documents.locked_months import lock_month

    invoice = make_invoice(Customer.objects.get())
    month = f"{invoice.issue_date:%Y-%m}"
    opened = client.month_end.get("acme", month)
    lock_month(
        seller=Seller.objects.get(),
        month=invoice.issue_date.replace(day=1),
        checklist=[],
        note="",
        by=None,
        at=datetime.now(UTC) + timedelta(days=40),
    )
    locked = client.month_end.get("acme", month)

    assert (opened.month, opened.is_locked) == (month, False)
    assert "audit_missing" in {point.code for point in opened.checklist}
    assert opened.blockers == ()
    assert "drafts" in {point.code for point in opened.checklist if point.blocks}
    assert [(row.kind, row.documents, row.net) for row in opened.documents] == [("invoice", 1, D("15.00"))]
    assert locked.is_locked
    with pytest.raises(NotFound):
        client.month_end.get("nobody", month)
    with pytest.raises(InvalidFields):
        client.month_end.get("acme", "May")

    books = tollbook(Caller(scopes=["revenue:read", "revenue:manage"]))
    assert list(books.accounting_files.list(seller="acme")) == []
    with pytest.raises(NotFound):
        books.accounting_files.get(1)


def test_a_missing_scope_is_an_exception(client, acme):
    reader = tollbook(Caller(scopes=["read"]))

    with pytest.raises(ScopeMissing, match="manage"):
        reader.customers.update("acme", city="Rome")
