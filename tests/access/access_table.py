"""The rows of docs/access.md: who may make which request."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.access.routes import Route, actions, models, routes
from tests.docs_tables import rows

YES, NO, OWN = "yes", "·", "own"
OUTSIDERS = ("anonymous", "wrong customer", "ingest", "read", "manage", "revenue:read", "revenue:manage")
GROUPS = ("no group", "support", "operations", "finance", "finance approver", "engineer")
STAFF = "keys and staff"
SHOWN = {"finance approver": "approver"}
"""Actors whose columns have a shorter name."""

OPEN, PORTAL, API = "Public requests", "The portal", "The API"
ACCOUNT = "Pages of one's own account"
SITE, ROWS, PAGES, ACTIONS = "Admin pages without rows", "Standard admin pages", "Admin operations", "List actions"
PLACES = {PORTAL: "portal/", API: "api/v1/", SITE: "admin/", ACCOUNT: "admin/account/", PAGES: "admin/"}
VERBS = {"see": "view", "add": "add", "change": "change", "delete": "delete"}


@dataclass(frozen=True, slots=True)
class Entry:
    """
    Who may make one request: actor → “yes”, “·” for no, or “own” where each actor gets their own rows.

    section, line: the place on the page.
    right: the permission that the request needs, if the admin checks one.
    """

    section: str
    line: str
    may: dict[str, str]
    right: str = ""


def entries() -> dict[str, Entry]:
    """
    Return “METHOD path” → its entry. A line on the rows of a model covers all its standard pages.

    :raises ValueError: if two lines describe the same request.
    """
    entries_by_request: dict[str, Entry] = {}
    for request, entry in _all():
        if request in entries_by_request:
            raise ValueError(
                f"docs/access.md says twice who may {request}: {entries_by_request[request].line} and {entry.line}"
            )
        entries_by_request[request] = entry
    return entries_by_request


def _all() -> Iterator[tuple[str, Entry]]:
    for row in rows("access.md", OPEN):
        for request in _split_requests(row["request"], ""):
            yield request, Entry(OPEN, row["request"], {"anonymous": YES})
    for section, place in PLACES.items():
        for row in rows("access.md", section):
            line, right = row.pop("request"), row.pop("right", "").strip("`")
            for request in _split_requests(line, place):
                yield request, Entry(section, line, _actors(row), right)
    for row in rows("access.md", ACTIONS):
        line, right = row.pop("action"), row.pop("right").strip("`")
        yield line.strip("`"), Entry(ACTIONS, line, _actors(row), right)
    yield from _row_entries()


def _split_requests(line: str, place: str) -> Iterator[str]:
    """Split “`GET POST path`” into “METHOD path” strings."""
    *methods, path = line.strip("`").split(" ")
    for method in methods:
        yield f"{method} {place}{path.removeprefix('.')}"


def _actors(cells: dict[str, str]) -> dict[str, str]:
    """Return actor → cell. A column “outsiders” covers each of them."""
    names = {short: name for name, short in SHOWN.items()}
    cell_by_actor = {names.get(name, name): cell for name, cell in cells.items()}
    outsiders = cell_by_actor.pop("outsiders", None)
    return cell_by_actor | (dict.fromkeys(OUTSIDERS, outsiders) if outsiders else {})


def _row_entries() -> Iterator[tuple[str, Entry]]:
    standard: dict[str, list[Route]] = {}
    for route in routes():
        if route.standard:
            standard.setdefault(route.model, []).append(route)
    for row in rows("access.md", ROWS):
        line = row.pop("rows")
        label = line.strip("`")
        cells = _actors(row)
        for route in standard.get(label, [Route(f"admin/{label.replace('.', '/')}/", id)]):
            for method in route.methods:
                verb = verb_of(route, method)
                may = {actor: YES if verb in cell.split() else NO for actor, cell in cells.items()}
                if verb == "lead":
                    may = {actor: NO if actor in OUTSIDERS else YES for actor in cells}
                app, _, model = label.partition(".")
                right = f"{app}.{VERBS[verb]}_{model}" if verb in VERBS else ""
                yield f"{method} {route.path}", Entry(ROWS, line, may, right)


def verb_of(route: Route, method: str) -> str:
    """
    Return the verb of a request to a standard page: “see”, “add”, “change”, “delete”, or “lead” if it redirects.
    """
    return "change" if route.path.endswith("<row>/change/") and method == "POST" else route.standard


def all_actions() -> list[str]:
    """Return the actions of all lists, named as on the page."""
    return [f"{model} {name}" for model, name in actions() if model in models()]
