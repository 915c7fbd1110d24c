"""
Every query of the portal is narrowed to the customer of the session, in one place: `Visit.own_rows` or `Visit.own_row`.

What belongs to everybody (prices, meters) is listed here, and so is what is looked up below a row that is the
customer's already.
"""

import ast

from tests.architecture.source import files

PORTALS = ("customers/portal", "invoices/portal", "wallets/portal", "billing/portal")
EVERYBODYS = {"BonusSlab", "CreditPack", "Feature", "IncludedCredits", "Meter", "PackPrice", "PlanVersion"}
BEFORE_ANYBODY_IS_IN = {"magic_links.py", "sessions.py", "link_email.py", "retention.py"}
NARROWED = {"own_rows", "own_row"}


def queries(tree: ast.AST, *, is_narrowed: bool = False):
    """Yield (line, model) of each `Model.objects` outside of a call to `own_rows` or `own_row`, or a name given to one."""
    narrows = isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute) and tree.func.attr in NARROWED
    is_query = isinstance(tree, ast.Attribute) and tree.attr == "objects" and isinstance(tree.value, ast.Name)
    if is_query and not is_narrowed and tree.value.id not in EVERYBODYS:
        yield tree.lineno, tree.value.id
    for child in ast.iter_child_nodes(tree):
        yield from queries(child, is_narrowed=is_narrowed or narrows)


def given_to_one(function: ast.AST) -> set[str]:
    """Return the local names that a function gives to `own_rows` or `own_row`."""
    return {
        argument.id
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in NARROWED
        for argument in node.args
        if isinstance(argument, ast.Name)
    }


def own_parts(statement: ast.stmt) -> list[ast.AST]:
    """Return what a statement holds itself, without the statements within it, which come by themselves."""
    return [child for child in ast.iter_child_nodes(statement) if not isinstance(child, ast.stmt | ast.excepthandler)]


def open_queries(source: str) -> list[tuple[int, str]]:
    """Return the queries of a module that nothing narrows, also where they are named first and narrowed later."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef):
            continue
        names = given_to_one(node)
        for statement in (one for one in ast.walk(node) if isinstance(one, ast.stmt)):
            targets = {one.id for one in getattr(statement, "targets", ()) if isinstance(one, ast.Name)}
            if not targets & names:
                for part in own_parts(statement):
                    found += queries(part)
    return found


def test_no_query_goes_past_it():
    left = [
        f"{path.parent.parent.name}/{path.name}:{line} {model}"
        for path in files(*PORTALS)
        if path.name not in BEFORE_ANYBODY_IS_IN
        for line, model in open_queries(path.read_text())
    ]
    assert left == []


def test_one_that_does_is_found():
    bad = "def page(visit):\n    return Invoice.objects.get(pk=1)\n"
    good = "def page(visit):\n    rows = Invoice.objects.all()\n    return visit.own_rows(rows)\n"

    assert open_queries(bad) == [(2, "Invoice")]
    assert open_queries("def page(visit):\n    if Invoice.objects.exists():\n        pass\n") == [(2, "Invoice")]
    assert open_queries(good) == []
    assert open_queries("def page(visit):\n    return visit.own_row(Wallet.objects.all(), pk=1)\n") == []
