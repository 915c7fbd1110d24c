"""Metadata and tags are edited on the pages of customers, subscriptions and invoices; lists find rows by them."""

import pytest
from django.urls import reverse

from customers.models import Customer
from invoices.models import InvoiceLabels
from lib.admin.filter_chips import filter_chips
from lib.admin.labels import MetadataText
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer, make_plan, offer, publish, rate, subscribe

METADATA = {"crm_id": "0061k", "note": "two\nlines \\ and a slash"}
TEXT = "crm_id: 0061k\nnote: two\\nlines \\\\ and a slash"
POSTED = {"tags": "pilot, emea", "metadata": TEXT, "_reason": "asked by sales"}


@pytest.fixture
def rows(db):
    """Return model → a row of one customer, among rows of another one."""
    version = publish(make_plan("pro", offers=[offer("api.calls", rates=[rate("0.01")])]))
    for name in ("other", "acme"):
        customer = make_customer(name, legal_name=name.title())
        found = {"customers_customer": customer, "invoices_invoice": make_invoice(customer)}
        found["billing_subscription"] = subscribe(customer, version)
    return found


def label(client, rows, model):
    if model == "customers_customer":
        page = f"/admin/customers/customer/{rows[model].pk}/change/?tab=settings"
        form = client.get(page).context["adminform"].form
        stored = {name: form[name].value() for name in form.fields}
        posted = {name: value for name, value in stored.items() if value not in (None, False)}
        inline = {f"contacts-{name}": 0 for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
        answer = client.post(page, {**posted, **inline, **POSTED})
    else:
        answer = client.post(reverse(f"admin:{model}_edit_labels", args=[rows[model].pk]), POSTED)
    assert answer.status_code == 302, answer.content.decode()[-3000:]


def labels_of(row):
    row.refresh_from_db()
    labels = InvoiceLabels.objects.get(invoice=row) if hasattr(row, "issue_date") else row
    return labels.tags, labels.metadata


MODELS = pytest.mark.parametrize("model", ["customers_customer", "billing_subscription", "invoices_invoice"])


@MODELS
def test_finance_edits_and_finds_them(member, rows, model):
    client = member("finance")
    label(client, rows, model)
    assert labels_of(rows[model]) == (["emea", "pilot"], METADATA)

    page = client.get(reverse(f"admin:{model}_change", args=[rows[model].pk])).content.decode()
    assert "?tag=pilot" in page
    assert "0061k" in page

    address = reverse(f"admin:{model}_changelist")
    for query, expected in (("tag=pilot", [rows[model]]), ("tag=absent", []), ("q=crm_id:0061k", [rows[model]])):
        changelist = client.get(f"{address}?{query}").context["cl"]
        assert list(changelist.result_list) == expected, query
    [chip] = filter_chips(client.get(f"{address}?tag=pilot").context["cl"])
    assert (str(chip.title), chip.value) == ("Tag", "pilot")


@pytest.mark.parametrize("model", ["billing_subscription", "invoices_invoice"])
def test_the_history_has_the_reason(member, rows, model):
    client = member("finance")
    label(client, rows, model)
    page = client.get(reverse(f"admin:{model}_history", args=[rows[model].pk])).content.decode()
    assert "asked by sales" in page
    assert "pilot" in page


@pytest.mark.parametrize("model", ["billing_subscription", "invoices_invoice"])
def test_support_reads_them_only(member, rows, model):
    client = member("support")
    assert client.post(reverse(f"admin:{model}_edit_labels", args=[rows[model].pk]), POSTED).status_code == 403
    assert "edit_labels" not in client.get(reverse(f"admin:{model}_change", args=[rows[model].pk])).content.decode()


def test_a_fault_stands_at_its_field(member, rows):
    address = reverse("admin:invoices_invoice_edit_labels", args=[rows["invoices_invoice"].pk])
    page = member("finance").post(address, {"tags": "Upper", "metadata": "no colon"}).content.decode()
    assert "“Upper” can&#x27;t be a tag" in page
    assert "“no colon” has no colon" in page


def test_a_search_with_a_colon_finds_ids_too(member, rows):
    customer = make_customer("org:7")
    changelist = member("support").get("/admin/customers/customer/?q=org:7").context["cl"]
    assert list(changelist.result_list) == [customer]


def test_an_unchanged_form_changes_nothing(member, rows):
    client = member("finance")
    label(client, rows, "customers_customer")
    events = Customer.objects.get(external_id="acme").events
    before = events.count()
    label(client, rows, "customers_customer")
    assert events.count() == before


@pytest.mark.parametrize("text", ["a\nb", "back\\slash", "\\n as typed", "ends with \r", ": colons : stay"])
def test_any_value_survives_the_form(text):
    field = MetadataText()
    assert field.clean(field.prepare_value({"key": text})) == {"key": text}
