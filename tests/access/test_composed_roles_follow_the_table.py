"""
A role that an administrator composes opens exactly the pages whose rights it has.

The built-in groups have their rights in bundles, so a page that checked the wrong right of a bundle would answer them
as docs/access.md says. Here each page is requested with its own rights and no others, and with all rights but one of
its own.
"""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission, User

from tests.access import access_table
from tests.access.access_table import YES
from tests.access.actors import staff
from tests.access.request_bodies import request_body
from tests.access.route_requests import Answer, send_request
from tests.access.routes import Route
from tests.access.test_the_table_holds import of_area, requests_of
from tests.access.test_the_table_is_complete_and_sound import rights_of

pytestmark = [pytest.mark.usefixtures("fast_requests"), pytest.mark.slow]


ENOUGH = {
    # right                     another one that is enough
    "plans.add_coupon": "plans.change_coupon",
    "plans.add_creditpack": "plans.change_creditpack",
}
"""The example of a form is shown to those who add a row and to those who change one."""


class Role:
    """The rights of a staff user; a test changes them between requests."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rights: set[str] = set()
        monkeypatch.setattr(User, "has_perm", lambda user, right, obj=None: right in self.rights)
        monkeypatch.setattr(
            User, "has_module_perms", lambda user, app: any(r.startswith(f"{app}.") for r in self.rights)
        )
        monkeypatch.setattr(User, "get_all_permissions", lambda user, obj=None: self.rights)
        self.actor = staff("no group")

    def send(self, method: str, route: Route, address: str, *, rights: set[str]) -> Answer:
        self.rights = rights
        return send_request(self.actor, method, address, request_body(method, route))


@pytest.fixture
def role(monkeypatch) -> Role:
    return Role(monkeypatch)


def pages_with_rights() -> Iterator[tuple[str, Route, str, str, set[str]]]:
    """Yield (request, route, method, address, rights) for each request of the admin that some role may make."""
    entries = access_table.entries()
    for route, values, _row in of_area("admin"):
        for method, request, entry in requests_of(route, entries):
            if rights_of(entry) and YES in entry.may.values():
                is_about_a_row = not route.standard and any(
                    part in route.path for part in ("<row>", "/steer/", "/do/")
                )
                seen = {right_to_see(route.model)} if is_about_a_row else set()
                yield request, route, method, route.address(values), rights_of(entry) | seen


def right_to_see(label: str) -> str:
    app, _, model = label.partition(".")
    return f"{app}.view_{model}"


def test_its_own_rights_open_a_page(role):
    refused = [
        f"{request}: {answer.summary}"
        for request, route, method, address, rights in pages_with_rights()
        if (answer := role.send(method, route, address, rights=rights)).is_refusal
    ]
    assert refused == []


def test_all_other_rights_do_not_open_a_page(role):
    names = Permission.objects.values_list("content_type__app_label", "codename")
    all_rights = {f"{app}.{name}" for app, name in names}
    opened = []
    for request, route, method, address, rights in pages_with_rights():
        for missing in rights:
            # In the admin, a user who may change a row may see it.
            others = {missing, missing.replace(".view_", ".change_"), ENOUGH.get(missing, "")}
            answer = role.send(method, route, address, rights=all_rights - others)
            if not answer.is_refusal:
                opened.append(f"{request} without {missing}: {answer.summary}")
    assert opened == []
