"""docs/access.md, line by line: who may ask for what."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.access.routes import Route, actions, models, routes
from tests.docs_tables import rows

YES, NO, OWN = "yes", "·", "own"
OUTSIDERS = ("anonymous", "wrong customer", "ingest", "read", "manage")
GROUPS = ("no group", "support", "operations", "finance", "finance approver", "engineer")
STAFF = "keys and staff"
SHOWN = {"finance approver": "approver"}
"""Actors whose columns have a shorter name."""

OPEN, PORTAL, API = "Open to everybody", "The portal", "The API"
SITE, ROWS, PAGES, ACTIONS = "The admin itself", "Rows in the admin", "What is done in the admin", "Actions of lists"
PLACES = {PORTAL: "portal/", API: "api/v1/", SITE: "admin/", PAGES: "admin/"}
VERBS = {"see": "view", "add": "add", "change": "change", "delete": "delete"}


@dataclass(frozen=True, slots=True)
class Entry:
    """
    Who may do one thing: actor → “yes”, “·” for no, or “own” where each gets what is theirs.

    section, line: where it stands on the page. right: what it takes, if the admin asks for a right.
    """

    section: str
    line: str
    may: dict[str, str]
    right: str = ""


def entries() -> dict[str, Entry]:
    """
    Return “METHOD path” → its entry; a line on the rows of a model stands for all its standard pages.

    :raises ValueError: if two lines are about the same.
    """
    found: dict[str, Entry] = {}
    for asked, entry in _all():
        if asked in found:
            raise ValueError(f"docs/access.md says twice who may {asked}: {found[asked].line} and {entry.line}")
        found[asked] = entry
    return found


def _all() -> Iterator[tuple[str, Entry]]:
    for row in rows("access.md", OPEN):
        for asked in _asked(row["request"], ""):
            yield asked, Entry(OPEN, row["request"], {"anonymous": YES})
    for section, place in PLACES.items():
        for row in rows("access.md", section):
            line, right = row.pop("request"), row.pop("right", "").strip("`")
            for asked in _asked(line, place):
                yield asked, Entry(section, line, _actors(row), right)
    for row in rows("access.md", ACTIONS):
        line, right = row.pop("action"), row.pop("right").strip("`")
        yield line.strip("`"), Entry(ACTIONS, line, _actors(row), right)
    yield from _of_rows()


def _asked(line: str, place: str) -> Iterator[str]:
    """Split “`GET POST path`”."""
    *methods, path = line.strip("`").split(" ")
    for method in methods:
        yield f"{method} {place}{path.removeprefix('.')}"


def _actors(cells: dict[str, str]) -> dict[str, str]:
    """Return actor → cell: a column of outsiders stands for each of them."""
    shown = {short: name for name, short in SHOWN.items()}
    found = {shown.get(name, name): cell for name, cell in cells.items()}
    outsiders = found.pop("outsiders", None)
    return found | (dict.fromkeys(OUTSIDERS, outsiders) if outsiders else {})


def _of_rows() -> Iterator[tuple[str, Entry]]:
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
    """Return what a request to a standard page is: “see”, “add”, “change”, “delete”, or “lead” to another."""
    return "change" if route.path.endswith("<row>/change/") and method == "POST" else route.standard


def all_actions() -> list[str]:
    """Return the actions of all lists as the page names them."""
    return [f"{model} {name}" for model, name in actions() if model in models()]
