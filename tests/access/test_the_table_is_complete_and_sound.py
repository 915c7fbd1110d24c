"""docs/access.md has a line for each thing that can be asked for, and what its lines say keeps to the rules below."""

import pytest

from config.admin_site.groups import GROUPS as RIGHTS
from config.admin_site.groups import permission_pairs
from tests.access import access_table
from tests.access.access_table import ACTIONS, API, NO, OPEN, OUTSIDERS, OWN, PORTAL, YES, Entry
from tests.access.routes import routes

SAFE = ("GET", "HEAD")
OPEN_BECAUSE = {
    # path                      why it is open
    "api/schema/": "what can be asked for is no secret",
    "api/docs/": "and nor is how",
    "problems/<name>": "refusals lead there",
    "invoices/<token>.pdf": "the link is the secret: signed, of one document, and it ends",
    "pay/stripe/events": "what is not signed by Stripe is refused, and told nothing",
    "pay/sandbox/<key>": "stands in for a provider's page; the key is a secret, and no money moves",
    "pay/done": "whoever comes back from a provider may be signed in nowhere; it says nothing of anybody",
    "portal/sign-in": "one asks there to be let in",
    "portal/sign-in/mailed": "says the same whoever asked",
    "portal/enter/<secret>": "the link is the secret: used once, and it ends",
    "portal/sign-out": "ends what session there is",
    "admin/login/": "one signs in there",
    "admin/logout/": "ends what session there is",
}
NOTHING_THERE = {
    # path                                  why all get a 404
    "admin/r/<content_type_id>/<row>/": "leads to a row's page in the product, and no row has one",
    "admin/<anything>": "every address that is none",
}
ANSWERS_A_READ_KEY = {
    # asks by POST                              and only tells
    "POST api/v1/check": "what a customer may still use",
    "POST api/v1/meters/<meter>/try": "what a meter would count",
    "POST api/v1/plans/<plan>/preview": "what usage would cost",
    "POST api/v1/subscriptions/<subscription>/cancel/preview": "what would be given back",
}
INGESTS = {
    "POST api/v1/events",
    "POST api/v1/reservations",
    "POST api/v1/reservations/<number>/commit",
    "POST api/v1/reservations/<number>/release",
}
EVERYBODYS = ("coupons", "features", "meters", "packs", "plans")
"""The catalog is one, whichever world asks."""

LINKS_INTO_THE_PORTAL = "admin/customers/customer/<row>/portal_link/"
SUPPORT_ASKS_BY_POST = {
    # path                                  and nothing comes of it
    "admin/password_change/": "their own",
    **dict.fromkeys(["admin/", "admin/changes/", "admin/search/", "admin/<app>/"], "shown as for a GET"),
}


@pytest.fixture(scope="module")
def entries() -> dict[str, Entry]:
    return access_table.entries()


def test_each_route_has_a_line(entries):
    """Which methods a route has is known by asking it: test_the_table_holds.py."""
    told = {entry.partition(" ")[2] for entry in entries}
    missing = [route.path for route in routes() if route.path not in told | set(NOTHING_THERE)]

    assert missing == [], "docs/access.md: say in the table of its area who may ask for " + ", ".join(missing)


def test_each_line_has_a_route(entries):
    known = {f"{method} {route.path}" for route in routes() for method in route.methods} | set(
        access_table.all_actions()
    )
    left = {f"{asked} ({entry.section})" for asked, entry in entries.items() if asked not in known}

    assert left == set(), "docs/access.md has lines for what is not there: remove them"


def test_each_action_of_a_list_has_a_line(entries):
    missing = set(access_table.all_actions()) - set(entries)

    assert missing == set(), f"docs/access.md, {ACTIONS}: say who may do these"


def test_each_cell_says_yes_or_no(entries):
    odd = {asked: entry.may for asked, entry in entries.items() if set(entry.may.values()) - {YES, NO, OWN}}

    assert odd == {}


def test_whoever_is_nobody_gets_what_is_open_for_a_reason(entries):
    nobody = {asked.partition(" ")[2] for asked, entry in entries.items() if entry.may.get("anonymous", NO) != NO}

    assert nobody == set(OPEN_BECAUSE)
    assert {entry.section for asked, entry in entries.items() if asked.partition(" ")[2] in nobody} == {OPEN}


def test_another_customer_gets_nothing_but_what_is_everybodys(entries):
    for asked, entry in entries.items():
        may = entry.may.get("wrong customer", NO)
        if entry.section == API and may == YES:
            assert asked.split("/")[2] in EVERYBODYS, asked
        elif entry.section != OPEN:
            assert may in (NO, OWN), asked
        assert not (may == OWN and "<" in asked), f"{asked} names a row, which is one's own or is not"


def test_support_changes_nothing_but_gives_links(entries):
    allowed = set(SUPPORT_ASKS_BY_POST) | {LINKS_INTO_THE_PORTAL}
    for asked, entry in entries.items():
        method, _, path = asked.partition(" ")
        if entry.may.get("support", NO) == YES and method not in SAFE and path not in allowed:
            if entry.section == ACTIONS:
                pytest.fail(f"{asked}: support acts on rows")
            verbs = {right.partition(".")[2].partition("_")[0] for right in rights_of(entry)}
            assert verbs == {"view"}, f"{asked}: support changes something by {entry.right or 'no right at all'}"


def test_a_key_does_what_it_is_for(entries):
    of_api = {asked: entry.may for asked, entry in entries.items() if entry.section == API}
    may = {scope: {asked for asked, cells in of_api.items() if cells[scope] == YES} for scope in ("ingest", "read")}

    assert may["ingest"] == INGESTS
    assert {asked for asked in may["read"] if asked.split()[0] not in SAFE} == set(ANSWERS_A_READ_KEY)
    for asked, cells in of_api.items():
        assert [cells[scope] for scope in ("ingest", "read", "manage")].count(YES) == 1, f"{asked}: one scope each"


def test_no_key_opens_the_admin_or_the_portal(entries):
    for asked, entry in entries.items():
        if entry.section not in (OPEN, API):
            assert {entry.may.get(who, NO) for who in (*OUTSIDERS[2:], access_table.STAFF)} == {NO}, asked
        if entry.section == PORTAL:
            assert entry.may["looks"] == NO or asked.split()[0] in SAFE, asked
        if entry.section == API:
            assert entry.may["staff"] == NO, asked


def test_staff_may_what_their_group_has_the_right_to(entries):
    """A page that nobody may open, whatever their rights, is one that the product does not offer: rows are kept."""
    held = {name: {f"{app}.{code}" for app, code in permission_pairs(rights)} for name, rights in RIGHTS.items()}
    for asked, entry in entries.items():
        if not rights_of(entry):
            continue
        may = {name for name in RIGHTS if entry.may[name] == YES}
        assert entry.may["no group"] == NO, asked
        expected = {name for name in RIGHTS if rights_of(entry) <= held[name]}
        assert may == expected or (entry.section in (access_table.ROWS, ACTIONS) and may == set()), (
            f"{asked}: config/admin_site/groups.py gives {entry.right} to {sorted(expected)}, and the page says"
            f" {sorted(may)}"
        )


def test_each_page_and_action_asks_for_a_right(entries):
    of_pages = [entry for entry in entries.values() if entry.section in (access_table.PAGES, ACTIONS)]
    assert of_pages
    assert [one.line for one in of_pages if not one.right] == []


def rights_of(entry: Entry) -> set[str]:
    return set(filter(None, entry.right.split(" + ")))
