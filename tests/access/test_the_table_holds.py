"""
Every route, asked as everybody, answers as docs/access.md says; who is refused is told nothing, and changes nothing.

The routes are read off the URL table, and each meets a row that is there: tests/access/rows.py.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model

from tests.access import access_table
from tests.access.access_table import NO, OPEN, YES
from tests.access.foreign_rows import asked_by_a_stranger
from tests.access.request_bodies import sent_with
from tests.access.route_requests import Answer, LetIn, ask
from tests.access.routes import Route, routes
from tests.access.row_words import words_of
from tests.access.rows import place
from tests.access.test_the_table_is_complete_and_sound import NOTHING_THERE
from tests.access.world import FOREIGN, KEYS, OWN, Actor, customer, everything_at_once, key, nobody, staff

pytestmark = [pytest.mark.usefixtures("asked"), pytest.mark.slow]


@pytest.fixture
def entries() -> dict[str, access_table.Entry]:
    return access_table.entries()


class Findings:
    """What differs from the table, and what a refusal gave away."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def compare(self, asked: str, who: str, entry: access_table.Entry, may: str, answer: Answer) -> None:
        """Note where an answer is another one than the table's cell; who: the actor, a column of the table."""
        if may != entry.may[who]:
            self.found.append(f"{asked} as {who}: expected {entry.may[who]}, got {may} ({answer.told})")

    def refusal(self, asked: str, who: str, answer: Answer, row: Model | None, address: str) -> None:
        """Note what somebody who was refused got to know, or what was written all the same."""
        told = [word for word in words_of(row) if word in answer.text.lower() and word not in address.lower()]
        if told:
            self.found.append(f"{asked} as {who}: the refusal tells {told}")
        if answer.writes:
            self.found.append(f"{asked} as {who}: it is refused, and writes: {answer.writes}")

    def show(self) -> None:
        assert self.found == [], "\n".join(["docs/access.md says otherwise:", *self.found])


def of_area(area: str) -> Iterator[tuple[Route, dict[str, Any], Model | None]]:
    for route in routes():
        if route.area == area and route.path not in NOTHING_THERE:
            yield route, *place(route)


def asked_of(route: Route, entries: dict[str, access_table.Entry]) -> Iterable[tuple[str, str, access_table.Entry]]:
    """Yield (method, as the table has it, entry) of what can be asked of a route."""
    for method in route.methods:
        asked = f"{method} {route.path}"
        if asked in entries and entries[asked].section != OPEN:
            yield method, asked, entries[asked]


def outcome(answer: Answer) -> str:
    return NO if answer.is_refusal else YES


@pytest.mark.parametrize("group", access_table.GROUPS)
def test_staff_of_a_group_are_let_in_where_it_says(entries, group):
    findings, actor = Findings(), staff(group)
    for route, values, row in of_area("admin"):
        address = route.address(values)
        for method, asked, entry in asked_of(route, entries):
            answer = ask(actor, method, address, sent_with(method, route))
            findings.compare(asked, group, entry, outcome(answer), answer)
            if answer.is_refusal:
                findings.refusal(asked, group, answer, row, address)
    findings.show()


def test_nobody_else_is_let_into_the_admin(entries):
    """They all ask at once: whoever is refused with all that the others have is refused without it, too."""
    findings = Findings()
    outsiders = [nobody(), customer(FOREIGN, "wrong customer"), *(key((scope,), sandbox=False) for scope in KEYS)]
    all_of_them = everything_at_once(outsiders[1], key(KEYS, sandbox=False))
    for route, values, row in of_area("admin"):
        address = route.address(values)
        for method, asked, entry in asked_of(route, entries):
            answer = ask(all_of_them, method, address)
            for actor in [] if answer.is_refusal else outsiders:
                own = ask(actor, method, address)
                findings.compare(asked, actor.name, entry, outcome(own), own)
            findings.refusal(asked, "an outsider", answer, row, address)
    findings.show()


def test_lists_do_their_actions_for_whom_it_says(entries, monkeypatch):
    findings, done = Findings(), []
    monkeypatch.setattr(admin.ModelAdmin, "get_changelist_instance", LIST)
    monkeypatch.setattr(admin.ModelAdmin, "get_actions", noting_what_is_done(done))
    pages = {model._meta.label_lower: page for model, page in admin.site._registry.items()}
    actors = [nobody(), *(staff(group) for group in access_table.GROUPS)]
    for asked in access_table.all_actions():
        label, name = asked.split()
        row = pages[label].model._default_manager.order_by("pk").first()
        sent = {"action": name, "_selected_action": [str(row.pk)], "index": "0"}
        for actor in actors:
            done.clear()
            answer = ask(actor, "POST", f"/admin/{label.replace('.', '/')}/", sent)
            findings.compare(asked, actor.name, entries[asked], YES if done else NO, answer)
            if not done and answer.writes:
                findings.found.append(f"{asked} as {actor.name}: it is not offered, and writes: {answer.writes}")
    findings.show()


LIST = admin.ModelAdmin.get_changelist_instance


def noting_what_is_done(done: list[str]) -> Any:
    """Return how a list knows its actions: those that it would have, each of which only notes that it was begun."""
    offered = admin.ModelAdmin.get_actions

    def begin(page: admin.ModelAdmin, request: Any, queryset: Any) -> None:
        done.append(request.POST["action"])
        raise LetIn

    return lambda page, request: {
        name: (begin, name, description) for name, (_, name, description) in offered(page, request).items()
    }


def test_the_api_answers_each_key_by_its_scope_and_world(entries):
    findings = Findings()
    worlds = {world: Callers(world) for world in (False, True)}
    for route, values, row in of_area("api"):
        address = route.address(values)
        callers = worlds["<clock>" in route.path or route.path.endswith("test-clocks")]
        for method, asked, entry in asked_of(route, entries):
            for actor in callers.own:
                answer = ask(actor, method, address, sent_with(method, route))
                findings.compare(asked, actor.name, entry, outcome(answer), answer)
                if answer.is_refusal:
                    findings.refusal(asked, actor.name, answer, row, address)
            may, answer = asked_by_a_stranger(callers.other, method, route)
            findings.compare(asked, "wrong customer", entry, may, answer)
            if may == NO and answer.status >= 400:
                findings.refusal(asked, "wrong customer", answer, row, address)
    findings.show()


class Callers:
    """Who asks the API for what is of one world."""

    def __init__(self, sandbox: bool) -> None:
        insider = everything_at_once(staff("root"), customer(OWN, "customer"))
        keys = [key((scope,), sandbox=sandbox) for scope in KEYS]
        self.own = [*keys, nobody(), Actor("staff", insider.client)]
        self.other = key(KEYS, sandbox=not sandbox, name="wrong customer")


def test_the_portal_shows_each_customer_their_own(entries):
    findings, other = Findings(), customer(FOREIGN, "wrong customer")
    contact, looks = customer(OWN, "gets the bills"), customer(OWN, "looks", looks=True)
    outside = everything_at_once(staff("root"), key(KEYS, sandbox=False))
    actors = [contact, looks, nobody(), Actor(access_table.STAFF, outside.client, outside.headers)]
    for route, values, row in of_area("portal"):
        address = route.address(values)
        for method, asked, entry in asked_of(route, entries):
            for actor in actors:
                answer = ask(actor, method, address)
                findings.compare(asked, actor.name, entry, outcome(answer), answer)
                if answer.is_refusal and actor is not looks:
                    findings.refusal(asked, actor.name, answer, row, address)
            may, answer = asked_by_a_stranger(other, method, route)
            findings.compare(asked, "wrong customer", entry, may, answer)
            if may == NO:
                findings.refusal(asked, "wrong customer", answer, row, address)
    findings.show()


def test_what_is_open_opens_and_a_method_without_a_line_is_none(entries):
    left, root, contact = [], staff("root"), customer(OWN, "gets the bills")
    somebody = {"admin": root, "portal": contact, "api": key(KEYS, sandbox=False), "open": nobody()}
    for route in routes():
        if route.path in NOTHING_THERE:
            continue
        values, _ = place(route)
        for method in route.methods:
            asked = f"{method} {route.path}"
            if asked in entries and entries[asked].section != OPEN:
                continue
            actor = nobody() if asked in entries else somebody[route.area]
            answer = ask(actor, method, route.address(values), sent_with(method, route))
            is_there = answer.status not in (401, 403, 404, 405)
            if is_there is not (asked in entries):
                left.append(f"{asked}: {answer.told}; {'add a line' if is_there else 'remove its line'}")
    assert left == [], "docs/access.md:\n" + "\n".join(left)


def test_a_page_that_nobody_of_a_group_may_open_is_there(entries):
    """A 404 for everybody would prove nothing: whoever may do everything finds each page."""
    root, left = staff("root"), []
    for route, values, _ in of_area("admin"):
        for method, asked, entry in asked_of(route, entries):
            if YES not in entry.may.values():
                answer = ask(root, method, route.address(values))
                if answer.status == 404:
                    left.append(asked)
    assert left == [], "tests/access/rows.py has no row for these"


def test_nothing_is_done_without_a_token_of_the_page(entries):
    left = []
    root, contact = staff("root", enforce_csrf_checks=True), customer(OWN, "contact", enforce_csrf_checks=True)
    for area, actor in (("admin", root), ("portal", contact)):
        for route, values, _ in of_area(area):
            if "POST" in route.methods:
                answer = ask(actor, "POST", route.address(values))
                if answer.status != 403 or answer.writes:
                    left.append(f"POST {route.path}: {answer.told} {answer.writes}")
    assert left == []
