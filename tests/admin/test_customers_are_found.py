"""Search for customers, invoices and subscriptions by the words that staff remember."""

import pytest

from tests.admin.conftest import add_unmatched
from tests.api.invoice_rows import make_invoice
from tests.builders import fee, make_customer, make_plan, publish, subscribe


@pytest.fixture
def globex(db):
    customer = make_customer("glx-77", legal_name="Globex Corporation")
    make_customer("other", legal_name="Initech Ltd")
    subscribe(customer, publish(make_plan(fees=[fee("1")])), external_id="sub-of-globex")
    make_invoice(customer)
    add_unmatched(customer_ref="glx-77", event_name="image.render")
    return customer


SEARCHES = [
    # list                        words          match
    ("customers/customer", "globex", "Globex"),
    ("customers/customer", "CORPORATION", "Globex"),
    ("customers/customer", "glx-7", "Globex"),
    ("invoices/invoice", "globex", "Globex"),
    ("invoices/invoice", "inv-0000", "Globex"),
    ("billing/subscription", "globex", "sub-of-globex"),
    ("billing/subscription", "sub-of", "sub-of-globex"),
    ("billing/period", "glx-77", "Globex"),
    ("billing/unmatchedusage", "glx-77", "image.render"),
    ("billing/unmatchedusage", "image.render", "image.render"),
]


@pytest.mark.parametrize(("place", "words", "match"), SEARCHES)
def test_by(globex, member, place, words, match):
    answer = member("support").get(f"/admin/{place}/", {"q": words})
    rows = answer.context["cl"].result_list
    assert rows, "nothing was found"
    assert match in answer.content.decode()
    assert "Initech" not in answer.content.decode()


def test_the_keyboard_search_returns_only_rows_that_the_user_may_see(globex, member):
    page_text = member("support").get("/admin/command/", {"q": "globex"}).content.decode()
    assert "Globex Corporation" in page_text
    assert "sub-of-globex" in page_text


def test_a_user_without_permissions_finds_nothing(globex, member, django_user_model):
    client = member("support")
    user = django_user_model.objects.get()
    user.groups.clear()
    page_text = client.get("/admin/command/", {"q": "globex"}).content.decode()
    assert "Globex" not in page_text
