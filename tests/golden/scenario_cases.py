"""Runs a case of scenarios.json as a customer's life in the sandbox, over HTTP."""

from tests.golden.billed_amounts import Answers
from tests.golden.cases import Case, Figures, load
from tests.golden.scenario_steps import live

LATER = {
    "untold": "nothing: its setup does not say what is discounted",
}
RUN = {"life"}


def kind_of(case: Case) -> str:
    """Return the requirements of a case other than a subscription."""
    billed = [line["kind"] for invoice in case["expected"].get("invoices", ()) for line in invoice.get("lines", ())]
    if "discount" in billed and "discount_percent" not in case["setup"]["customer"]:
        return "untold"
    return "life"


def figures(case: Case) -> Figures:
    """
    Return the results of a case for everything that it expects, and for our stated figures where it differs.

    A request may be rejected only if the case, or our stated figures, expect it.
    """
    wanted = load("differences.json").get(case["id"], {}).get("ours", case["expected"])
    results = Answers(live(case)).to({kind: entries for kind, entries in wanted.items() if kind != "errors"})
    assert not results["errors"] or "errors" in wanted, results["errors"]
    return results
