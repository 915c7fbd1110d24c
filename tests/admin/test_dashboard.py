"""The dashboard: figures that link to their rows, and only those that the user may see."""

import re

import pytest
from django.utils import timezone

from billing.models import HourlyUsage, Series
from invoices.credit_notes import issue_credit_note
from invoices.models import Invoice, NumberSeries
from tests.admin.conftest import add_unmatched
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer, make_meter, make_plan, offer, publish, rate, subscribe


def cards(client):
    return {card.name: card for card in client.get("/admin/").context["cards"]}


def test_sums_this_months_live_invoices_less_credit_notes(member, db):
    now = timezone.now()
    for net, facts in [("10", {}), ("15", {}), ("99", {"sandbox": True}), ("77", {"void": True})]:
        invoice = make_invoice(make_customer(sandbox=facts.get("sandbox", False)), net=net, tax="0", issue=False)
        invoice.lines.update(amount=net, tax_rate=0)
        invoice.taxes.update(taxable=net, rate=0, amount=0)
        issued = {"state": "issued", "series": _series(invoice), "sequence": invoice.pk, "number": f"N-{invoice.pk}"}
        dates = {"issued_at": now, "issue_date": now.date(), "due_date": now.date()}
        Invoice.objects.filter(pk=invoice.pk).update(**issued, **dates)
        if "void" in facts:
            issue_credit_note(invoice_id=invoice.pk, lines=None, reason="x", to="offset", at=now)
    card = cards(member("operations"))["Invoiced this month, net"]
    assert card.figures == ["€25.00"]
    assert f"issue_date_from={now:%Y-%m}-01" in card.url


def _series(invoice):
    return NumberSeries.objects.get_or_create(seller=invoice.seller, code="inv", defaults={"prefix": "N-"})[0]


def test_every_figure_links_to_a_list_that_opens(member, company):
    company(2)
    client = member("operations")
    for card in cards(client).values():
        assert client.get(card.url).status_code == 200, card.name


def test_counts_rows_that_need_action(member, db):
    add_unmatched()
    client = member("operations")
    assert cards(client)["Unmatched usage"].figures == ["1"]
    page = re.sub(r"\s+", " ", client.get("/admin/billing/unmatchedusage/").content.decode())
    assert re.search(
        r"Unmatched usage <span class=\"waiting\"><span class=\"sr-only\">waiting: </span>1</span>", page
    )


def test_charts_usage_of_live_customers_by_meter(member, db):
    meter = make_meter("calls")
    version = publish(make_plan(offers=[offer("calls", rates=[rate("1")])]))
    today = timezone.now().replace(minute=0, second=0, microsecond=0)
    for sandbox, quantity in [(False, 40), (True, 1000)]:
        subscription = subscribe(make_customer(sandbox=sandbox), version, starts_at=today)
        series = Series.objects.create(period=subscription.periods.first(), meter=meter, dimensions={})
        HourlyUsage.objects.create(series=series, bucket=today, events=1, quantity=quantity)
    answer = member("support").get("/admin/billing/period/usage/")
    chart = answer.context["charts"][0]
    assert (chart.name, chart.now, chart.before) == ("calls", "40 calls", "40")
    assert 'role="img"' in answer.content.decode()
    assert [line.text for line in chart.chart.grid][-1] == "0", "the axis has figures"


@pytest.mark.parametrize("address", ["/admin/", "/admin/billing/period/usage/"])
def test_shows_nothing_to_a_user_without_permissions(member, company, django_user_model, address):
    company(1)
    client = member("support")
    django_user_model.objects.get().groups.clear()
    answer = client.get(address)
    assert answer.status_code == (200 if address == "/admin/" else 403)
    assert b"INV" not in answer.content


def test_operations_see_migrations_jobs_and_unmatched_usage(member, db):
    add_unmatched()
    page = member("operations").get("/admin/").content.decode()
    for text in (
        "Plan migrations",
        "Running and failed jobs",
        "Unmatched usage by estimated value",
        "Find a customer",
    ):
        assert text in page, text


def test_support_begins_with_a_search(member, db):
    customer = make_customer(legal_name="Cedar Ltd")
    client = member("support")
    page = client.get("/admin/").content.decode()
    assert 'id="home-query"' in page
    assert "Running and failed jobs" not in page
    hits = client.get("/admin/command/", {"q": "Cedar"}).content.decode()
    assert f"/admin/customers/customer/{customer.pk}/change/" in hits
