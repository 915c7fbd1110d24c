"""The history of a row: who changed which field, when and why, for changes by any route."""

import pytest
from django.db import connection
from django.utils import timezone

from access.audit_log import seal_changes
from customers.models import ApiKey, Customer
from plans.models import PlanVersion, Tier
from tests.api.invoice_rows import make_invoice
from tests.builders import fee, make_customer, make_plan, make_seller, offer, rate, tier


def entries(client, address):
    if address == "/admin/changes/":
        seal_changes(at=timezone.now())
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.context["entries"]


def differences_of(entry):
    """Return an entry's differences as (field, old, new), over all rows it changed."""
    return [
        (difference.label, difference.old, difference.new)
        for change in entry.changes
        for difference in change.differences
    ]


@pytest.fixture
def customer(db):
    return make_customer("globex", legal_name="Globex", city="Springfield")


def post(client, customer, **changes):
    fields = {
        name: getattr(customer, name)
        for name in ("legal_name", "city", "country", "currency", "time_zone", "locale", "address_line1", "email")
    }
    fields |= {"seller": customer.seller_id, "contacts-TOTAL_FORMS": 0, "contacts-INITIAL_FORMS": 0}
    fields["charges_automatically"] = "on"
    fields |= {"_save": "Save", **changes}
    answer = client.post(f"/admin/customers/customer/{customer.pk}/change/", fields)
    assert answer.status_code == 302, answer.context["errors"]


def test_by_a_person_with_a_reason(member, customer):
    client = member("finance")
    other = make_seller("other", legal_name="Other GmbH")
    post(client, customer, city="Shelbyville", seller=other.pk, _reason="They moved, says their letter of 3 May")
    latest = entries(client, f"/admin/customers/customer/{customer.pk}/history/")[0]
    assert (latest.who, latest.where) == ("Finance", "in the back office")
    assert latest.reason == "They moved, says their letter of 3 May"
    assert ("City", "Springfield", "Shelbyville") in differences_of(latest)
    assert ("Seller", "Acme Inc.", "Other GmbH") in differences_of(latest)
    assert len(differences_of(latest)) == 2, "only what changed is told"


def test_by_raw_sql(member, customer):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE customers_customer SET tax_exemption = 'friend' WHERE id = %s", [customer.pk])
    latest = entries(member("support"), f"/admin/customers/customer/{customer.pk}/history/")[0]
    assert latest.who == ""
    assert latest.where == "System (direct database change)"
    assert differences_of(latest)[-1] == ("Tax exemption", "empty", "friend")


def test_of_removed_rows_with_their_parts(member, db):
    version = make_plan(offers=[offer("calls", rates=[rate(tiers=[tier("10", "2"), tier(None, "1")])])])
    Tier.objects.filter(up_to=10).delete()
    history = entries(member("support"), f"/admin/plans/planversion/{version.pk}/history/")
    changes = [(change.verb, change.subject, change.of) for entry in history for change in entry.changes]
    assert ("removed", "tier up to 10", f"default, calls in USD, calls, {version}") in changes
    assert ("added", f"plan version {version}", "") in changes


def test_of_a_price_from_the_version_it_belongs_to(member, db):
    version = make_plan(fees=[fee("10")])
    version.fees.update(amount="12.5")
    latest = entries(member("support"), f"/admin/plans/planversion/{version.pk}/history/")[0]
    assert differences_of(latest)[-1] == ("Amount", "$10.00", "$12.50")


def test_of_an_issued_invoice_whose_first_state_is_not_recorded(member, customer):
    invoice = make_invoice(customer)
    type(invoice).objects.filter(pk=invoice.pk).update(state="overdue")
    history = entries(member("support"), f"/admin/invoices/invoice/{invoice.pk}/history/")
    assert differences_of(history[0]) == [("State", "not recorded", "issued"), ("State", "issued", "past due")]


def test_without_secrets(member, db):
    key = ApiKey.objects.create(name="k", prefix="tb_live_x", secret_sha256="a" * 64, scopes=["read"])
    page = member("support").get(f"/admin/customers/apikey/{key.pk}/history/").content.decode()
    assert "tb_live_x" in page
    assert "aaaa" not in page


def test_of_recent_changes_in_one_list(member, customer):
    client = member("finance")
    post(client, customer, city="Shelbyville")
    assert ("City", "Springfield", "Shelbyville") in recent_differences(client)


def test_of_recent_changes_each_against_the_state_before_it(member, customer):
    for city in ("Utica", "Albany"):
        Customer.objects.filter(pk=customer.pk).update(city=city)
    cities = [difference for difference in recent_differences(member("support")) if difference[0] == "City"]
    assert cities[-2:] == [("City", "Springfield", "Utica"), ("City", "Utica", "Albany")]


def recent_differences(client):
    """Return the differences of all recent entries: one transaction's changes of several tables have no order."""
    return [difference for entry in entries(client, "/admin/changes/") for difference in differences_of(entry)]


def test_only_of_rows_that_the_user_may_see(member, customer, django_user_model):
    client = member("support")
    django_user_model.objects.get().groups.clear()
    assert client.get(f"/admin/customers/customer/{customer.pk}/history/").status_code == 403
    assert entries(client, "/admin/changes/") == []


def test_runs_a_fixed_number_of_queries_for_a_long_history(member, customer, django_assert_max_num_queries):
    client = member("support")
    for number in range(30):
        Customer.objects.filter(pk=customer.pk).update(city=f"City {number}", seller=make_seller(f"s{number}"))
    with django_assert_max_num_queries(14):
        assert len(entries(client, f"/admin/customers/customer/{customer.pk}/history/")) == 1, "one transaction"


def test_leaves_out_rows_of_others(member, customer):
    version = make_plan(fees=[fee("1")])
    PlanVersion.objects.filter(pk=version.pk).update(note="mine")
    other = make_plan(fees=[fee("2")])
    history = entries(member("support"), f"/admin/plans/planversion/{other.pk}/history/")
    assert "mine" not in str(history)
