"""A survivor stands out unless it is explained, and an explanation is of code that is there."""

import json

from config.paths import PROJECT
from tests.mutation.run import report
from tests.mutation.survivors import Explanation, Mutant, explanations, mutants_in

NAME = "plans.pricing.rating_parts.xǁPartǁscaled__mutmut_3"
CHANGE = "- return one\n+ return two"
EXPLANATION = Explanation("plans.pricing.rating_parts:Part.scaled", "One is two.", (CHANGE,))


def test_a_mutant_is_named_by_its_function():
    assert Mutant(NAME, "killed").function == "plans.pricing.rating_parts:Part.scaled"
    assert (
        Mutant("invoices.amounts.totals.x__taxed__mutmut_12", "killed").function == "invoices.amounts.totals:_taxed"
    )


def test_a_mutant_without_a_test_is_not_killed(tmp_path):
    fates = {1: "killed", 3: "killed", -24: "killed", 33: "untested", 5: "untested", 255: "unclear (255)"}
    meta = tmp_path / "mutants" / "plans" / "parts.py.meta"
    meta.parent.mkdir(parents=True)
    codes = {f"plans.catalog.version_schema.x_one__mutmut_{number}": code for number, code in enumerate(fates)}
    meta.write_text(json.dumps({"exit_code_by_key": codes}))
    assert [mutant.fate for mutant in mutants_in(tmp_path)] == list(fates.values())


def test_the_report_separates_explained_survivors_from_the_others():
    mutants = [Mutant(NAME, "survived", CHANGE), Mutant(NAME, "survived", "- a\n+ b"), Mutant(NAME, "killed")]
    text, unexplained = report(mutants, [EXPLANATION], at="abc")
    assert unexplained == mutants[1:2]
    assert "1 of 3 mutants killed: 33.3 %" in " ".join(text.split())
    before, _, after = text.partition("## Explained")
    assert "+ b" in before.partition("## Unexplained")[2]
    assert "One is two." in after
    assert "+ return two" in after


def test_every_explained_change_matches_the_present_code():
    for explanation in explanations():
        module, _, function = explanation.function.partition(":")
        code = (PROJECT / f"{module.replace('.', '/')}.py").read_text()
        assert f"def {function.rpartition('.')[2]}(" in code, explanation.function
        for change in explanation.changes:
            removed = [line[2:] for line in change.splitlines() if line.startswith("- ")]
            assert removed
            assert all(line in code for line in removed), change
