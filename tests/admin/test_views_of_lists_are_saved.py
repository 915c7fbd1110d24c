"""Views of lists are saved under a name, and each user chooses the columns of a list."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from access.models import SavedView
from access.saved_views import MAX_VIEWS
from lib.admin import StaffAdmin
from tests.builders import make_customer

LIST = "/admin/customers/customer/"
NAME = "customers.customer"


@pytest.fixture(autouse=True)
def customers(db):
    make_customer("acme", tags=["pilot"])
    make_customer("beta")


def save(client, name="Pilots", query="tag=pilot", **fields):
    return client.post("/admin/views/", {"list": NAME, "name": name, "query": query, **fields})


def choose(client, *columns, **fields):
    return client.post("/admin/columns/", {"list": NAME, "columns": columns, **fields})


def changelist(client, address=LIST):
    page = client.get(address)
    assert page.status_code == 200, page
    return page.context["cl"]


def columns(client, address=LIST):
    return [name for name in changelist(client, address).list_display if name != "action_checkbox"]


def tabs(client, address=LIST):
    """Return the titles of the tabs, the current one in brackets."""
    page = client.get(address).content.decode()
    [views] = re.findall(r'<nav class="tabs" aria-label="Saved views">(.*?)</nav>', page, re.DOTALL) or [""]
    links = re.findall(r"<a [^>]*?(aria-current)?(?: title=[^>]*)?>([^<]+)", re.sub(r'="page"', "", views))
    return [f"[{title}]" if current else title for current, title in links]


def user_of(client):
    return User.objects.get(pk=client.session["_auth_user_id"])


def test_a_view_keeps_filters_and_order(member):
    client = member("support")
    answer = save(client, query="o=-1&q=a&tag=pilot")
    view = SavedView.objects.get()
    assert answer.url == f"{LIST}?view={view.pk}&o=-1&q=a&tag=pilot"
    assert [row.external_id for row in changelist(client, answer.url).result_list] == ["acme"]
    assert tabs(client, answer.url) == ["All", "[Pilots]"]
    assert tabs(client) == ["[All]", "Pilots"]


def test_the_list_offers_what_it_shows(member):
    client = member("support")
    page = client.get(f"{LIST}?tag=pilot&q=a&p=1").content.decode()
    assert 'name="query" value="q=a&amp;tag=pilot"' in page


def test_the_same_name_replaces_a_view(member):
    client = member("support")
    save(client)
    save(client, query="q=x")
    assert [view.query for view in SavedView.objects.all()] == ["q=x"]


def test_a_view_is_renamed_and_deleted(member):
    client = member("support")
    save(client)
    view = SavedView.objects.get()
    client.post(f"/admin/views/{view.pk}/", {"list": NAME, "do": "rename", "name": "  Early   birds "})
    assert tabs(client) == ["[All]", "Early birds"]
    client.post(f"/admin/views/{view.pk}/", {"list": NAME, "do": "delete"})
    assert tabs(client) == []


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_a_view_needs_a_name(member, name):
    client = member("support")
    answer = save(client, name=name)
    assert "Enter a name of up to 60 characters" in client.get(answer.url).content.decode()
    assert not SavedView.objects.exists()


def test_a_name_is_used_once_for_a_list(member):
    client = member("support")
    save(client)
    save(client, name="Others")
    view = SavedView.objects.get(name="Others")
    answer = client.post(f"/admin/views/{view.pk}/", {"list": NAME, "do": "rename", "name": "Pilots"})
    assert "There is a view “Pilots” already" in client.get(answer.url).content.decode()


def test_a_list_has_fifty_views_of_a_user(member):
    client = member("support")
    user = user_of(client)
    views = [SavedView(user=user, list_name=NAME, name=f"v{number}") for number in range(MAX_VIEWS)]
    SavedView.objects.bulk_create(views)
    answer = save(client)
    assert "50 views of yours" in client.get(answer.url).content.decode()
    save(client, name="v7", query="q=x")
    assert SavedView.objects.get(name="v7").query == "q=x"


def test_views_are_personal(member):
    save(member("support"))
    other = member("support")
    view = SavedView.objects.get()
    assert tabs(other) == []
    assert columns(other, f"{LIST}?view={view.pk}") == columns(other)
    assert other.post(f"/admin/views/{view.pk}/", {"list": NAME, "do": "delete"}).status_code == 404
    assert choose(other, "legal_name", view=view.pk).status_code == 404


def test_those_with_the_right_share_views(member):
    finance, support = member("finance"), member("support")
    assert save(support, is_shared="on").status_code == 403
    save(finance, is_shared="on")
    view = SavedView.objects.get()
    assert tabs(support) == ["[All]", "Pilots"]
    assert support.post(f"/admin/views/{view.pk}/", {"list": NAME, "do": "delete"}).status_code == 404
    assert member("operations").post(f"/admin/views/{view.pk}/", {"list": NAME, "do": "delete"}).status_code == 302
    assert not SavedView.objects.exists()


def test_a_list_that_is_not_seen_has_no_views(member):
    client = member("support")
    body = {"list": "invoices.bankline", "name": "x", "columns": ["pk"]}
    assert client.post("/admin/views/", body).status_code == 403
    assert client.post("/admin/columns/", body).status_code == 403
    assert client.post("/admin/views/", {"list": "no.such", "name": "x"}).status_code == 404
    assert client.post("/admin/views/", {"list": "nonsense", "name": "x"}).status_code == 404


def test_columns_are_chosen_for_a_list(member):
    client, other = member("support"), member("support")
    before = columns(client)
    choose(client, "currency", "legal_name", "no_such_column")
    assert columns(client) == ["currency", "legal_name"]
    assert columns(other) == before
    header = b"".join(client.get(f"{LIST}export/").streaming_content).decode().splitlines()[0]
    assert header == "Currency,Legal name"
    choose(client, "currency", reset="1")
    assert columns(client) == before


def test_a_view_has_columns_of_its_own(member):
    client = member("support")
    choose(client, "legal_name", "country")
    save(client, query="o=2", columns=["legal_name", "country"])
    view = SavedView.objects.get(name="Pilots")
    answer = choose(client, "country", "external_id", view=view.pk, query="o=2&q=a")
    assert answer.url == f"{LIST}?view={view.pk}&q=a"
    assert columns(client, answer.url) == ["country", "external_id"]
    assert columns(client) == ["legal_name", "country"]
    view.refresh_from_db()
    assert view.query == ""  # the order was by the number of a column


def test_columns_that_a_release_removes_are_left_out(member):
    client = member("support")
    before = columns(client)
    SavedView.objects.create(user=user_of(client), list_name=NAME, columns=["gone"])
    assert columns(client) == before


def test_every_list_offers_its_columns(member):
    client = member("root")
    for model, page in admin.site._registry.items():
        if not isinstance(page, StaffAdmin):
            continue
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        answer = client.get(address)
        if answer.status_code == 302:  # the plan's page has these rows
            continue
        offered = page.offered_columns(answer.wsgi_request)
        client.post("/admin/columns/", {"list": model._meta.label_lower, "columns": offered[::-1]})
        assert columns(client, address) == offered[::-1], address


def test_views_take_one_query(member):
    client = member("support")

    def count_queries(address=LIST):
        with CaptureQueriesContext(connection) as captured:
            client.get(address)
        return len(captured), sum("access_savedview" in query["sql"] for query in captured)

    assert count_queries()[1] == 1
    for number in range(10):
        save(client, name=f"v{number}", columns=["legal_name", "external_id"])
    choose(client, "legal_name", "external_id")
    client.get(LIST)  # it shows the messages
    with_views = count_queries(f"{LIST}?view={SavedView.objects.latest('pk').pk}")
    assert with_views == count_queries()
    assert with_views[1] == 1


@pytest.mark.parametrize("fields", [{"query": "q=x"}, {"is_shared": True}])
def test_the_database_keeps_columns_without_a_name_personal(fields):
    user = User.objects.create(username="u")
    with transaction.atomic(), pytest.raises(IntegrityError, match="view_without_a_name_has_only_columns"):
        SavedView.objects.create(user=user, list_name=NAME, **fields)


def test_the_database_has_one_view_of_a_name():
    user = User.objects.create(username="u")
    SavedView.objects.create(user=user, list_name=NAME, name="x")
    with transaction.atomic(), pytest.raises(IntegrityError, match="user_has_one_view_of_a_name_for_each_list"):
        SavedView.objects.create(user=user, list_name=NAME, name="x")
