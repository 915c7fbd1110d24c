"""
A case may differ from ours only by a rule of its own, or of its system, that contradicts a sentence of our
documentation; and we state every figure that it expects. A case without our capability is listed apart.
"""

from copy import deepcopy
from typing import Any

from tests.golden.case_figures import flatten, mismatches, unstated
from tests.golden.cases import HERE, load

PAGES = {
    name: " ".join((HERE.parents[1] / "docs" / f"{name}.md").read_text(encoding="utf-8").split())
    for name in (
        *("pricing", "metering", "ingest", "wallets", "closing", "payments", "metrics"),
        *("recognition", "postings", "revenue-reports"),
    )
}
OF_SYSTEMS = (HERE / "SCHEMA.md").read_text(encoding="utf-8").split("## Where peers disagree")[1]
DIFFERENCES, MISSING = load("differences.json"), load("missing.json")
CASES = {
    case["id"]: case for name in load("checksums.json") if name.endswith(".json") for case in load(name)["cases"]
}

Listed = dict[str, dict[str, Any]]


def quotes(difference: dict[str, Any]) -> list[dict[str, str]]:
    return [difference, *difference.get("also", [])]


def without_rule(differences: Listed) -> list[str]:
    """Return the cases without a quoted rule: it is the case's own, or its system's."""
    return [
        case_id
        for case_id, difference in differences.items()
        for quote in quotes(difference)
        if not quote["rule"].strip() or quote["rule"] not in CASES[case_id]["rule"] + OF_SYSTEMS
    ]


def without_sentence(differences: Listed) -> list[str]:
    """Return the cases whose quote of ours is in none of the pages."""
    return [
        case_id
        for case_id, difference in differences.items()
        for quote in quotes(difference)
        if len(quote["spec"].split()) < 3 or not any(quote["spec"] in page for page in PAGES.values())
    ]


def without_reason(differences: Listed) -> list[str]:
    """Return the cases with other keys than these, or without a reason in one line."""
    return [
        case_id
        for case_id, difference in differences.items()
        if difference.keys() - {"also"} != {"rule", "spec", "why", "ours"}
        or any(quote.keys() != {"rule", "spec"} for quote in difference.get("also", []))
        or not difference["why"].strip()
        or "\n" in difference["why"]
    ]


def without_figures(differences: Listed) -> list[str]:
    """Return the cases of which a figure is not stated, and those whose stated figures are the case's."""
    offenders = []
    for case_id, difference in differences.items():
        expected, stated = flatten(CASES[case_id]["expected"]), flatten(difference["ours"])
        if unstated(expected, stated) or not mismatches(expected, stated):
            offenders.append(case_id)
    return offenders


def without_capability(missing: Listed) -> list[str]:
    """Return the entries that are no case's, or don't say in a sentence what we lack, and by which keys it shows."""
    return [
        case_id
        for case_id, entry in missing.items()
        if case_id not in CASES
        or entry.keys() != {"capability", "keys"}
        or not entry["capability"].endswith(".")
        or not entry["keys"]
    ]


def test_each_case_has_the_quoted_rule():
    assert without_rule(DIFFERENCES) == []


def test_our_sentences_are_in_our_documentation():
    assert without_sentence(DIFFERENCES) == []


def test_each_reason_is_one_line():
    assert without_reason(DIFFERENCES) == []


def test_every_figure_that_a_case_expects_is_stated():
    assert without_figures(DIFFERENCES) == []


def test_each_missing_case_names_the_capability_and_its_keys():
    assert without_capability(MISSING) == []
    assert not MISSING.keys() & DIFFERENCES.keys()


def test_each_check_finds_a_planted_offender():
    case_id = "sce-lago-upgrade-04"

    def planted(**changes: Any) -> Listed:
        return DIFFERENCES | {case_id: deepcopy(DIFFERENCES[case_id]) | changes}

    figures = deepcopy(DIFFERENCES[case_id]["ours"])
    del figures["invoices"][1]["lines"][1]["amount"]
    also = [{"rule": "Nobody says so.", "spec": "Nor is this sentence ours."}]
    assert without_rule(planted(rule="Nobody says so.")) == [case_id]
    assert without_rule(planted(also=also)) == [case_id]
    assert without_sentence(planted(spec="This sentence is not ours.")) == [case_id]
    assert without_sentence(planted(also=also)) == [case_id]
    assert without_reason(planted(why="")) == [case_id]
    assert without_reason(planted(because="")) == [case_id]
    assert without_figures(planted(ours=figures)) == [case_id]
    assert without_figures(planted(ours=CASES[case_id]["expected"])) == [case_id]
    assert without_capability({case_id: {"capability": "Something.", "keys": []}}) == [case_id]
