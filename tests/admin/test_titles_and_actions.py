"""The actions of a page stand next to its title, and a customer is deleted on its settings alone."""

import pytest

from tests.builders import make_customer


def title_row(page_text):
    return page_text.partition('<div class="title-row">')[2].partition('<nav class="tabs"')[0]


def test_a_list_has_its_actions_beside_its_name(member):
    row = title_row(member("finance").get("/admin/customers/customer/").content.decode())
    for text in ("Customers</h1>", "Save view", "Columns", "Add customer"):
        assert text in row, text


def test_a_row_has_its_actions_beside_its_name(member):
    customer = make_customer("acme", legal_name="Acme Ltd")
    row = title_row(member("finance").get(f"/admin/customers/customer/{customer.pk}/change/").content.decode())
    assert "Acme Ltd</h1>" in row
    assert "Add subscription" in row
    assert "Add customer" not in row


@pytest.mark.parametrize(("tab", "is_offered"), [("", False), ("?tab=usage", False), ("?tab=settings", True)])
def test_a_customer_is_deleted_on_the_settings(member, tab, is_offered):
    customer = make_customer("acme")
    page_text = member("root").get(f"/admin/customers/customer/{customer.pk}/change/{tab}").content.decode()
    assert (f"/admin/customers/customer/{customer.pk}/delete/" in page_text) is is_offered
