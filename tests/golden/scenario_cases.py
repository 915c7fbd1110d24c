"""A case of scenarios.json as a life in the sandbox, over HTTP."""

from tests.golden.billed_amounts import Answers
from tests.golden.cases import Case, Figures, load
from tests.golden.scenario_steps import live

LATER = {
    "untold": "nothing: its setup does not say what is discounted",
}
RUN = {"life"}


def kind_of(case: Case) -> str:
    """Return what a case needs beside the life of a subscription."""
    billed = [line["kind"] for invoice in case["expected"].get("invoices", ()) for line in invoice.get("lines", ())]
    if "discount" in billed and "discount_percent" not in case["setup"]["customer"]:
        return "untold"
    return "life"


def figures(case: Case) -> Figures:
    """
    Return what became of a case, for all that it expects; for what is stated of it, where it differs.

    Nothing may be refused that the case, or what is stated of it, does not expect.
    """
    wanted = load("differences.json").get(case["id"], {}).get("ours", case["expected"])
    told = Answers(live(case)).to({kind: entries for kind, entries in wanted.items() if kind != "errors"})
    assert not told["errors"] or "errors" in wanted, told["errors"]
    return told
