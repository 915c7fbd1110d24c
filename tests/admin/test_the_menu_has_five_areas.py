"""The menu: five areas with their sections, tabs, and the way to the open page, as each group sees them."""

import re

import pytest
from django.urls import NoReverseMatch, reverse

from config.admin_site.help_pages import PAGES
from config.admin_site.menu import AREAS

PAGES_OF_MENU = [page for area in AREAS for section in area.sections for page in section.pages]


def entries(client, address="/admin/"):
    menu = client.get(address).context["menu"]
    return {str(area.title): [str(section.title) for section in area.entries] for area in menu.entries}


def test_the_sections_of_the_open_area_are_listed(member, db):
    areas = entries(member("root"), "/admin/wallets/purchase/")
    assert areas == {
        "Home": [],
        "Approvals": [],
        "Customers": ["Customers", "Subscriptions", "Usage", "Wallets", "Limits"],
        "Revenue": [],
        "Catalog": [],
        "Month end": [],
        "Settings": [],
    }


def test_a_section_shows_its_pages_as_tabs(member, db):
    menu = member("root").get("/admin/wallets/purchase/").context["menu"]
    assert [(str(tab.title), tab.is_current) for tab in menu.tabs] == [
        ("Wallets", False),
        ("Purchases", True),
        ("Automatic top-ups", False),
    ]
    assert [str(crumb.title) for crumb in menu.crumbs] == ["Customers", "Wallets", "Purchases"]


def test_a_row_is_below_its_list(member, company):
    company(1)
    client = member("root")
    page = client.get("/admin/customers/customer/").content.decode()
    address = re.search(r"/admin/customers/customer/\d+/change/", page)[0]
    answer = client.get(address)
    assert answer.context["menu"].tabs == []
    assert answer.context["menu"].crumbs[-1].link == "/admin/customers/customer/"


@pytest.mark.parametrize(
    ("group", "hidden", "shown"),
    [("support", "Month end", "Customers"), ("engineer", "Approvals", "Catalog"), ("finance", "", "Revenue")],
)
def test_a_group_sees_the_areas_of_its_work(member, db, group, hidden, shown):
    areas = entries(member(group))
    assert shown in areas
    assert not hidden or hidden not in areas or areas[hidden] == []
    for area in member(group).get("/admin/").context["menu"].entries:
        assert member(group).get(area.link).status_code in {200, 302}, area.title


def test_each_page_has_a_link_and_each_section_help():
    for page in PAGES_OF_MENU:
        try:
            assert page.link.startswith("/admin/")
        except NoReverseMatch:
            pytest.fail(f"{page.title} has no address")
    assert {section.help for area in AREAS for section in area.sections} <= set(PAGES)
    assert reverse("admin:help", args=["payments"]) == "/admin/help/payments/"


def test_no_page_is_listed_twice():
    links = [page.link for page in PAGES_OF_MENU]
    assert sorted(links) == sorted(set(links))
