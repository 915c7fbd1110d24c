"""
Every route, requested by every actor, answers as docs/access.md says; a refusal reveals nothing and writes nothing.

The routes are read from the URL table, and each is requested with an existing row: tests/access/rows.py.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model

from tests.access import access_table
from tests.access.access_table import NO, OPEN, YES
from tests.access.actors import FOREIGN, KEYS, OWN, Actor, combine_actors, customer, key, nobody, staff
from tests.access.foreign_rows import request_foreign_row
from tests.access.request_bodies import request_body
from tests.access.route_requests import Answer, LetIn, send_request
from tests.access.routes import Route, routes
from tests.access.row_words import words_of
from tests.access.rows import place
from tests.access.test_the_table_is_complete_and_sound import ALWAYS_NOT_FOUND

pytestmark = [pytest.mark.usefixtures("fast_requests"), pytest.mark.slow]


@pytest.fixture
def entries() -> dict[str, access_table.Entry]:
    return access_table.entries()


_NAMED_RIGHT = re.compile("the right “[^”]*”")
"""A refusal names the right that is missing, which is no word of the row."""


class Findings:
    """Differences from the table, and words that a refusal revealed."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def compare(self, request: str, who: str, entry: access_table.Entry, may: str, answer: Answer) -> None:
        """Add a finding if an answer differs from the table's cell. who: the actor, a column of the table."""
        if may != entry.may[who]:
            self.problems.append(f"{request} as {who}: expected {entry.may[who]}, got {may} ({answer.summary})")

    def refusal(self, request: str, who: str, answer: Answer, row: Model | None, address: str) -> None:
        """Add a finding for each word that a refusal revealed and each table that it wrote to."""
        page = _NAMED_RIGHT.sub("", answer.text).lower()
        shown = [word for word in words_of(row) if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", page)]
        words = [word for word in shown if word not in address.lower()]
        if words:
            self.problems.append(f"{request} as {who}: the refusal tells {words}")
        if answer.writes:
            self.problems.append(f"{request} as {who}: it is refused, and writes: {answer.writes}")

    def show(self) -> None:
        assert self.problems == [], "\n".join(["docs/access.md says otherwise:", *self.problems])


def of_area(area: str) -> Iterator[tuple[Route, dict[str, Any], Model | None]]:
    for route in routes():
        if route.area == area and route.path not in ALWAYS_NOT_FOUND:
            yield route, *place(route)


def requests_of(
    route: Route, entries: dict[str, access_table.Entry]
) -> Iterable[tuple[str, str, access_table.Entry]]:
    """Yield (method, request as in the table, entry) for the requests of a route."""
    for method in route.methods:
        request = f"{method} {route.path}"
        if request in entries and entries[request].section != OPEN:
            yield method, request, entries[request]


def outcome(answer: Answer) -> str:
    return NO if answer.is_refusal else YES


@pytest.mark.parametrize("group", access_table.GROUPS)
def test_staff_of_each_group_have_the_access_of_the_table(entries, group):
    findings, actor = Findings(), staff(group)
    for route, values, row in of_area("admin"):
        address = route.address(values)
        for method, request, entry in requests_of(route, entries):
            answer = send_request(actor, method, address, request_body(method, route))
            findings.compare(request, group, entry, outcome(answer), answer)
            if answer.is_refusal:
                findings.refusal(request, group, answer, row, address)
    findings.show()


def test_outsiders_are_refused_by_the_admin(entries):
    """
    One client sends the credentials of all outsiders at once: a refusal of all of them implies a refusal of each.
    """
    findings = Findings()
    outsiders = [nobody(), customer(FOREIGN, "wrong customer"), *(key((scope,), sandbox=False) for scope in KEYS)]
    all_of_them = combine_actors(outsiders[1], key(KEYS, sandbox=False))
    for route, values, row in of_area("admin"):
        address = route.address(values)
        for method, request, entry in requests_of(route, entries):
            answer = send_request(all_of_them, method, address)
            for actor in [] if answer.is_refusal else outsiders:
                own_answer = send_request(actor, method, address)
                findings.compare(request, actor.name, entry, outcome(own_answer), own_answer)
            findings.refusal(request, "an outsider", answer, row, address)
    findings.show()


def test_list_actions_run_for_the_groups_of_the_table(entries, monkeypatch):
    findings, done = Findings(), []
    monkeypatch.setattr(admin.ModelAdmin, "get_changelist_instance", LIST)
    monkeypatch.setattr(admin.ModelAdmin, "get_actions", record_started_actions(done))
    pages = {model._meta.label_lower: page for model, page in admin.site._registry.items()}
    actors = [nobody(), *(staff(group) for group in access_table.GROUPS)]
    for request in access_table.all_actions():
        label, name = request.split()
        row = pages[label].model._default_manager.order_by("pk").first()
        sent = {"action": name, "_selected_action": [str(row.pk)], "index": "0"}
        for actor in actors:
            done.clear()
            answer = send_request(actor, "POST", f"/admin/{label.replace('.', '/')}/", sent)
            findings.compare(request, actor.name, entries[request], YES if done else NO, answer)
            if not done and answer.writes:
                findings.problems.append(f"{request} as {actor.name}: it is not offered, and writes: {answer.writes}")
    findings.show()


LIST = admin.ModelAdmin.get_changelist_instance


def record_started_actions(done: list[str]) -> Any:
    """Return a replacement of `get_actions`: the same actions, each of which only records that it was started."""
    offered = admin.ModelAdmin.get_actions

    def begin(page: admin.ModelAdmin, request: Any, queryset: Any) -> None:
        done.append(request.POST["action"])
        raise LetIn

    return lambda page, request: {
        name: (begin, name, description) for name, (_, name, description) in offered(page, request).items()
    }


def test_the_api_answers_each_key_by_its_scope_and_mode(entries):
    findings = Findings()
    callers_by_mode = {sandbox: Callers(sandbox) for sandbox in (False, True)}
    for route, values, row in of_area("api"):
        address = route.address(values)
        callers = callers_by_mode["<clock>" in route.path or route.path.endswith("test-clocks")]
        for method, request, entry in requests_of(route, entries):
            for actor in callers.own:
                answer = send_request(actor, method, address, request_body(method, route))
                findings.compare(request, actor.name, entry, outcome(answer), answer)
                if answer.is_refusal:
                    findings.refusal(request, actor.name, answer, row, address)
            may, answer = request_foreign_row(callers.other, method, route)
            findings.compare(request, "wrong customer", entry, may, answer)
            if may == NO and answer.status >= 400:
                findings.refusal(request, "wrong customer", answer, row, address)
    findings.show()


class Callers:
    """The callers of the API for the rows of one mode."""

    def __init__(self, sandbox: bool) -> None:
        insider = combine_actors(staff("root"), customer(OWN, "customer"))
        keys = [key((scope,), sandbox=sandbox) for scope in KEYS]
        self.own = [*keys, nobody(), Actor("staff", insider.client)]
        self.other = key(KEYS, sandbox=not sandbox, name="wrong customer")


def test_the_portal_shows_each_customer_their_own(entries):
    findings, other = Findings(), customer(FOREIGN, "wrong customer")
    admin, contact = customer(OWN, "admin"), customer(OWN, "billing contact", role="billing")
    looks = customer(OWN, "viewer", role="viewer")
    outside = combine_actors(staff("root"), key(KEYS, sandbox=False))
    actors = [admin, contact, looks, nobody(), Actor(access_table.STAFF, outside.client, outside.headers)]
    for route, values, row in of_area("portal"):
        address = route.address(values)
        for method, request, entry in requests_of(route, entries):
            for actor in actors:
                answer = send_request(actor, method, address)
                findings.compare(request, actor.name, entry, outcome(answer), answer)
                if answer.is_refusal and actor not in (looks, contact):
                    findings.refusal(request, actor.name, answer, row, address)
            may, answer = request_foreign_row(other, method, route)
            findings.compare(request, "wrong customer", entry, may, answer)
            if may == NO:
                findings.refusal(request, "wrong customer", answer, row, address)
    findings.show()


def test_open_routes_open_and_a_method_without_a_line_does_not_exist(entries):
    differences, root, contact = [], staff("root"), customer(OWN, "admin")
    actor_by_area = {"admin": root, "portal": contact, "api": key(KEYS, sandbox=False), "open": nobody()}
    for route in routes():
        if route.path in ALWAYS_NOT_FOUND:
            continue
        values, _ = place(route)
        for method in route.methods:
            request = f"{method} {route.path}"
            if request in entries and entries[request].section != OPEN:
                continue
            actor = nobody() if request in entries else actor_by_area[route.area]
            answer = send_request(actor, method, route.address(values), request_body(method, route))
            is_there = answer.status not in (401, 403, 404, 405)
            if is_there is not (request in entries):
                differences.append(f"{request}: {answer.summary}; {'add a line' if is_there else 'remove its line'}")
    assert differences == [], "docs/access.md:\n" + "\n".join(differences)


def test_a_page_that_no_group_may_open_exists(entries):
    """A 404 for every actor would prove nothing, so a superuser must find each page."""
    root, missing_rows = staff("root"), []
    for route, values, _ in of_area("admin"):
        for method, request, entry in requests_of(route, entries):
            if YES not in entry.may.values():
                answer = send_request(root, method, route.address(values))
                if answer.status == 404:
                    missing_rows.append(request)
    assert missing_rows == [], "tests/access/rows.py has no row for these"


def test_no_post_takes_effect_without_a_csrf_token(entries):
    unprotected = []
    root, contact = staff("root", enforce_csrf_checks=True), customer(OWN, "contact", enforce_csrf_checks=True)
    for area, actor in (("admin", root), ("portal", contact)):
        for route, values, _ in of_area(area):
            if "POST" in route.methods:
                answer = send_request(actor, "POST", route.address(values))
                if answer.status != 403 or answer.writes:
                    unprotected.append(f"POST {route.path}: {answer.summary} {answer.writes}")
    assert unprotected == []
