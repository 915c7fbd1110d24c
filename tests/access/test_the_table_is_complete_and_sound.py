"""docs/access.md has a line for each request that the product answers, and its lines obey the rules below."""

import pytest

from config.admin_site.groups import GROUPS as RIGHTS
from config.admin_site.groups import permission_pairs
from tests.access import access_table
from tests.access.access_table import ACCOUNT, ACTIONS, API, NO, OPEN, OUTSIDERS, OWN, PORTAL, YES, Entry
from tests.access.routes import routes

SAFE = ("GET", "HEAD")
OPEN_BECAUSE = {
    # path                      why it is open
    "api/schema/": "the schema is public",
    "api/docs/": "the documentation is public",
    "problems/<name>": "error responses link to it",
    "invoices/<token>.pdf": "the link is the secret: signed, for one invoice, and it expires",
    "pay/stripe/events": "a request without Stripe's signature is refused without details",
    "pay/stripe/events/<account>": "the same, for a seller's own account",
    "pay/sandbox/<key>": "replaces a provider's page; the key is a secret, and no money moves",
    "pay/done": "a visitor from a provider may have no session; the page shows no customer",
    **dict.fromkeys(
        ["embed/<token>/usage", "embed/<token>/balance", "embed/<token>/portal/", "embed/<token>/portal/<path>"],
        "the token is the secret: for one customer, read-only, and it expires",
    ),
    "pricing/<seller>": "the plans that are marked as public",
    "portal/sign-in": "a contact requests a link there",
    "portal/sign-in/mailed": "the answer is the same for every address",
    "portal/enter/<secret>": "the link is the secret: used once, and it expires",
    "portal/language": "stores a language in a cookie",
    "portal/sign-out": "ends the session, if any",
    "portal/brand/<name>.css": "the colors of a seller",
    "portal/brand/<sha256>.png": "the logo of a seller, named by its hash",
    "admin/login/": "staff sign in there",
    "admin/logout/": "ends the session, if any",
    "admin/account/sign-in/": "staff sign in there",
    "admin/account/sign-in/code/": "enters a mailed code, within a sign-in that has begun",
    "admin/account/sign-in/second-factor/": "enters the second factor",
    "admin/account/sign-in/passkey/": "signs in with a passkey",
    "admin/account/sign-in/inactive/": "says that the account is inactive",
    "admin/account/sign-in/canceled/": "reports a canceled single sign-on",
    "admin/account/sign-out/": "ends the session, if there is one",
    "admin/account/password/forgotten/": "mails a link to choose a password",
    "admin/account/password/mailed/": "that answer",
    "admin/account/password/link/<uidb36>-<key>/": "the link is the secret: signed, used once, and it expires",
    "admin/account/password/changed/": "reports the chosen password",
}
ALWAYS_NOT_FOUND = {
    # path                                  why all get a 404
    "admin/r/<content_type_id>/<row>/": "leads to a row's page in the product, and no row has one",
    "admin/<anything>": "every address that is none",
    "admin/account/sign-in/<provider_id>/": "leads to the provider of single sign-on, if one is configured",
    "admin/account/sign-in/<provider_id>/callback/": "the same",
}
READ_ONLY_POSTS = {
    # POST path                   why it only reads
    "POST api/v1/check": "what a customer may still use",
    "POST api/v1/meters/<meter>/try": "what a meter would count",
    "POST api/v1/plans/<plan>/preview": "what usage would cost",
    "POST api/v1/subscriptions/<subscription>/cancel/preview": "what would be given back",
}
INGEST_REQUESTS = {
    "POST api/v1/events",
    "POST api/v1/reservations",
    "POST api/v1/reservations/<number>/commit",
    "POST api/v1/reservations/<number>/release",
}
SHARED_CATALOG = ("coupons", "features", "meters", "packs", "plans", "pricing", "sellers")
"""The catalog and the sellers are shared by live and sandbox."""

LINKS_INTO_THE_PORTAL = "admin/customers/customer/<row>/portal_link/"
HARMLESS_ACTIONS_OF_SUPPORT = {
    # action                                  why it has no effect
    "customers.customer email_portal_links": "the same links, for many customers",
    "customers.customer export_selection": "a file of what the list shows",
    "invoices.invoice export_selection": "a file of what the list shows",
    "invoices.invoice send_many": "emails to contacts about their own invoices",
}
HARMLESS_POSTS_OF_SUPPORT = {
    # path                                  why it has no effect
    "admin/password_change/": "their own",
    "admin/switch/": "their own lists",
    **dict.fromkeys(["admin/views/", "admin/columns/"], "their own views of lists"),
    "admin/customers/customer/<row>/account_statement/": "shown as for a GET",
    "admin/billing/job/<invoice_emails>/steer/cancel/": "stops emails to contacts about their own invoices",
    "admin/invoices/invoice/<row>/send_again/": "an email to contacts about their own invoice",
    "admin/invoices/invoice/<row>/send_explanation/": "an email to contacts about their own invoice",
    **dict.fromkeys(["admin/", "admin/changes/", "admin/search/", "admin/<app>/"], "shown as for a GET"),
}


@pytest.fixture(scope="module")
def entries() -> dict[str, Entry]:
    return access_table.entries()


def test_each_route_has_a_line(entries):
    """test_the_table_holds.py finds out which methods a route has."""
    paths = {entry.partition(" ")[2] for entry in entries}
    missing = [route.path for route in routes() if route.path not in paths | set(ALWAYS_NOT_FOUND)]

    assert missing == [], "docs/access.md: say in the table of its area who may ask for " + ", ".join(missing)


def test_each_line_has_a_route(entries):
    known = {f"{method} {route.path}" for route in routes() for method in route.methods} | set(
        access_table.all_actions()
    )
    unknown_requests = {f"{request} ({entry.section})" for request, entry in entries.items() if request not in known}

    assert unknown_requests == set(), "docs/access.md has lines for what is not there: remove them"


def test_each_action_of_a_list_has_a_line(entries):
    missing = set(access_table.all_actions()) - set(entries)

    assert missing == set(), f"docs/access.md, {ACTIONS}: say who may do these"


def test_each_cell_says_yes_or_no(entries):
    odd = {request: entry.may for request, entry in entries.items() if set(entry.may.values()) - {YES, NO, OWN}}

    assert odd == {}


def test_anonymous_requests_are_open_only_for_a_reason(entries):
    nobody = {request.partition(" ")[2] for request, entry in entries.items() if entry.may.get("anonymous", NO) != NO}

    assert nobody == set(OPEN_BECAUSE)
    assert {entry.section for request, entry in entries.items() if request.partition(" ")[2] in nobody} == {OPEN}


def test_another_customer_gets_only_shared_rows(entries):
    for request, entry in entries.items():
        may = entry.may.get("wrong customer", NO)
        if entry.section == API and may == YES:
            assert request.split("/")[2] in SHARED_CATALOG, request
        elif entry.section != OPEN:
            assert may in (NO, OWN), request
        assert not (may == OWN and "<" in request), f"{request} names a row, which is one's own or is not"


def test_support_changes_nothing_except_creating_portal_links(entries):
    allowed = set(HARMLESS_POSTS_OF_SUPPORT) | {LINKS_INTO_THE_PORTAL}
    for request, entry in entries.items():
        method, _, path = request.partition(" ")
        if entry.section == ACCOUNT:
            continue
        if entry.may.get("support", NO) == YES and method not in SAFE and path not in allowed:
            if entry.section == ACTIONS:
                if request in HARMLESS_ACTIONS_OF_SUPPORT:
                    continue
                pytest.fail(f"{request}: support acts on rows")
            verbs = {right.partition(".")[2].partition("_")[0] for right in rights_of(entry)}
            assert verbs == {"view"}, f"{request}: support changes something by {entry.right or 'no right at all'}"


def test_a_key_is_accepted_by_its_scope(entries):
    of_api = {request: entry.may for request, entry in entries.items() if entry.section == API}
    may = {
        scope: {request for request, cells in of_api.items() if cells[scope] == YES}
        for scope in ("ingest", "read", "revenue:read", "revenue:manage")
    }

    assert may["ingest"] == INGEST_REQUESTS
    assert may["revenue:read"] == {request for request in of_api if request.startswith("GET api/v1/revenue/")}
    assert may["revenue:manage"] == {request for request in of_api if request.startswith("POST api/v1/revenue/")}
    assert {request for request in may["read"] if request.split()[0] not in SAFE} == set(READ_ONLY_POSTS)
    for request, cells in of_api.items():
        scopes = ("ingest", "read", "manage", "revenue:read", "revenue:manage")
        assert [cells[scope] for scope in scopes].count(YES) == 1, f"{request}: one scope each"


def test_no_key_opens_the_admin_or_the_portal(entries):
    for request, entry in entries.items():
        if entry.section not in (OPEN, API):
            assert {entry.may.get(who, NO) for who in (*OUTSIDERS[2:], access_table.STAFF)} == {NO}, request
        if entry.section == PORTAL:
            assert entry.may["viewer"] == NO or request.split()[0] in SAFE, request
            assert entry.may["billing contact"] == NO or entry.may["admin"] == entry.may["billing contact"], request
        if entry.section == API:
            assert entry.may["staff"] == NO, request


def test_staff_access_follows_the_permissions_of_the_group(entries):
    """
    A page that no group may open, with any permissions, is one that the product doesn't offer: its rows are never
    deleted.
    """
    permissions_by_group = {
        name: {f"{app}.{code}" for app, code in permission_pairs(rights)} for name, rights in RIGHTS.items()
    }
    for request, entry in entries.items():
        if not rights_of(entry):
            continue
        may = {name for name in RIGHTS if entry.may[name] == YES}
        assert entry.may["no group"] == NO, request
        expected = {name for name in RIGHTS if rights_of(entry) <= permissions_by_group[name]}
        assert may == expected or (entry.section in (access_table.ROWS, ACTIONS) and may == set()), (
            f"{request}: config/admin_site/groups.py gives {entry.right} to {sorted(expected)}, and the page says"
            f" {sorted(may)}"
        )


def test_each_page_and_action_needs_a_permission(entries):
    of_pages = [entry for entry in entries.values() if entry.section in (access_table.PAGES, ACTIONS)]
    assert of_pages
    assert [entry.line for entry in of_pages if not entry.right] == []


def rights_of(entry: Entry) -> set[str]:
    return set(filter(None, entry.right.split(" + ")))
