"""
Every query of the portal is limited to the session's customer, by `Visit.own_rows` or `Visit.own_row`.

Data of all customers (prices, meters) is listed here, and so are rows looked up below a row that belongs to the
customer.
"""

import ast

from tests.architecture.source import files

PORTALS = ("customers/portal", "invoices/portal", "wallets/portal", "billing/portal")
EVERYBODYS = {
    "BonusSlab",
    "CreditPack",
    "Feature",
    "IncludedCredits",
    "Meter",
    "PackPrice",
    "PlanFeature",
    "PlanVersion",
}
BEFORE_ANYBODY_IS_IN = {"brand.py", "magic_links.py", "sessions.py", "link_email.py", "retention.py"}
NARROWED = {"own_rows", "own_row"}


def queries(tree: ast.AST, *, is_narrowed: bool = False):
    """
    Yield (line, model) of each `Model.objects` outside of a call to `own_rows` or `own_row`, and of names passed to
    one.
    """
    narrows = isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute) and tree.func.attr in NARROWED
    is_query = isinstance(tree, ast.Attribute) and tree.attr == "objects" and isinstance(tree.value, ast.Name)
    if is_query and not is_narrowed and tree.value.id not in EVERYBODYS:
        yield tree.lineno, tree.value.id
    for child in ast.iter_child_nodes(tree):
        yield from queries(child, is_narrowed=is_narrowed or narrows)


def scoped_names(function: ast.AST) -> set[str]:
    """Return the local names that a function passes to `own_rows` or `own_row`."""
    return {
        argument.id
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in NARROWED
        for argument in node.args
        if isinstance(argument, ast.Name)
    }


def direct_children(statement: ast.stmt) -> list[ast.AST]:
    """Return a statement's child nodes without nested statements, which are visited separately."""
    return [child for child in ast.iter_child_nodes(statement) if not isinstance(child, ast.stmt | ast.excepthandler)]


def unscoped_queries(source: str) -> list[tuple[int, str]]:
    """Return the unscoped queries of a module, considering names that are bound first and scoped later."""
    unscoped = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef):
            continue
        names = scoped_names(node)
        for statement in (child for child in ast.walk(node) if isinstance(child, ast.stmt)):
            targets = {target.id for target in getattr(statement, "targets", ()) if isinstance(target, ast.Name)}
            if not targets & names:
                for part in direct_children(statement):
                    unscoped += queries(part)
    return unscoped


def test_no_portal_query_is_unscoped():
    unscoped = [
        f"{path.parent.parent.name}/{path.name}:{line} {model}"
        for path in files(*PORTALS)
        if path.name not in BEFORE_ANYBODY_IS_IN
        for line, model in unscoped_queries(path.read_text())
    ]
    assert unscoped == []


def test_an_unscoped_query_is_found():
    bad = "def page(visit):\n    return Invoice.objects.get(pk=1)\n"
    good = "def page(visit):\n    rows = Invoice.objects.all()\n    return visit.own_rows(rows)\n"

    assert unscoped_queries(bad) == [(2, "Invoice")]
    assert unscoped_queries("def page(visit):\n    if Invoice.objects.exists():\n        pass\n") == [(2, "Invoice")]
    assert unscoped_queries(good) == []
    assert unscoped_queries("def page(visit):\n    return visit.own_row(Wallet.objects.all(), pk=1)\n") == []
