"""The command bar: objects, actions on them, pages and help; each only if the user may open it."""

import pytest

from invoices.models import Invoice
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer


@pytest.fixture
def invoice(db):
    return make_invoice(make_customer("globex", legal_name="Globex Corporation"))


def groups(client, query):
    answer = client.get("/admin/command/", {"q": query}, headers={"HX-Request": "true"})
    return {str(group.title): group.hits for group in answer.context["groups"]}


def titles(client, query):
    return [str(hit.title) for hits in groups(client, query).values() for hit in hits]


def test_an_object_by_name_and_by_number(member, invoice):
    client = member("finance")
    assert "Globex Corporation" in titles(client, "globex")
    assert "INV-00001" in titles(client, "INV-00001")


def test_an_action_on_a_document_comes_first(member, invoice):
    client = member("finance")
    first = next(iter(groups(client, "credit INV-00001").values()))[0]
    assert (str(first.title), first.link) == (
        "Issue credit note: INV-00001",
        f"/admin/invoices/invoice/{invoice.pk}/credit/",
    )
    assert client.get(first.link).status_code == 200


def test_actions_need_their_permission(member, invoice):
    assert not [title for title in titles(member("support"), "credit INV-00001") if title.startswith("Issue credit")]


@pytest.mark.parametrize(
    ("query", "title", "link"),
    [
        ("month", "Month end", "/admin/invoices/monthlock/month-end/"),
        ("close", "Invoicing", "/admin/billing/period/closing/"),
        ("unmatched", "Unmatched usage", "/admin/billing/unmatchedusage/"),
    ],
)
def test_a_page_by_its_title_and_by_other_words(member, db, query, title, link):
    pages = groups(member("root"), query)["Pages"]
    assert (title, link) in [(str(hit.title), hit.link) for hit in pages]


def test_a_form_that_adds_an_object(member, db):
    assert "/admin/plans/coupon/add/" in [hit.link for hit in groups(member("root"), "add coupon")["Actions"]]


def test_help_by_a_heading(member, db):
    client = member("support")
    hit = groups(client, "payment attempts")["Help"][0]
    page = client.get(hit.link)
    assert page.status_code == 200
    assert 'id="payment-attempts"' in page.content.decode()


@pytest.mark.parametrize(("query", "shown"), [("@globex", {"Customer"}), ("#INV-00001", {"Invoice"})])
def test_a_first_character_narrows(member, invoice, query, shown):
    hits = groups(member("finance"), query)["Customers and documents"]
    assert {str(hit.note) for hit in hits} == shown


@pytest.mark.parametrize("query", ["", " ", "@", "?", "zzzz", "x" * 3000, "\x00", "credit", "%"])
def test_any_query_is_answered(member, invoice, query):
    assert member("finance").get("/admin/command/", {"q": query}).status_code == 200


def test_sandbox_objects_are_found_in_the_sandbox_only(member, db):
    make_customer("initech", legal_name="Initech", sandbox=True)
    client = member("finance")
    assert "Initech" not in titles(client, "initech")
    client.post("/admin/switch/", {"rows": "sandbox"})
    assert "Initech" in titles(client, "initech")


def test_it_works_without_scripts(member, invoice):
    page = member("finance").get("/admin/command/", {"q": "globex"}).content.decode()
    assert "Globex Corporation" in page
    assert "<form" in page
    assert Invoice.objects.count() == 1
