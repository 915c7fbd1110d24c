"""Runs a case of scenarios.json as a customer's life in the sandbox, over HTTP."""

from tests.golden.billed_amounts import Answers
from tests.golden.case_figures import Figures
from tests.golden.cases import Case, wanted_figures
from tests.golden.scenario_steps import live


def figures(case: Case) -> Figures:
    """
    Return the results of a case for everything that it expects, and for our stated figures where it differs.

    A request may be rejected only if the case, or our stated figures, expect it.
    """
    wanted = wanted_figures(case)
    results = Answers(live(case)).to({kind: entries for kind, entries in wanted.items() if kind != "errors"})
    assert not results["errors"] or "errors" in wanted, results["errors"]
    return results


RUNNERS = {"life": figures}
