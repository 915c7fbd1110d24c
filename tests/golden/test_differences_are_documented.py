"""
A case may differ from ours only by a rule of its own, or of its system, that contradicts a sentence of our
documentation.
"""

import pytest

from tests.golden.cases import HERE, load

PAGES = " ".join(
    word
    for page in ("pricing.md", "metering.md", "wallets.md", "closing.md")
    for word in (HERE.parents[1] / "docs" / page).read_text(encoding="utf-8").split()
)
OF_SYSTEMS = (HERE / "SCHEMA.md").read_text(encoding="utf-8").split("## Where peers disagree")[1]
DIFFERENCES = load("differences.json")
CASES = {
    case["id"]: case for name in load("checksums.json") if name.endswith(".json") for case in load(name)["cases"]
}


@pytest.mark.parametrize("identifier", DIFFERENCES)
def test_the_case_has_the_quoted_rule(identifier):
    assert DIFFERENCES[identifier]["rule"]
    assert DIFFERENCES[identifier]["rule"] in CASES[identifier]["rule"] + OF_SYSTEMS


@pytest.mark.parametrize("identifier", DIFFERENCES)
def test_our_sentence_is_in_our_documentation(identifier):
    assert len(DIFFERENCES[identifier]["spec"].split()) > 2
    assert DIFFERENCES[identifier]["spec"] in PAGES


@pytest.mark.parametrize("identifier", DIFFERENCES)
def test_the_reason_is_one_line_and_our_amounts_are_stated(identifier):
    difference = DIFFERENCES[identifier]
    assert difference.keys() == {"rule", "spec", "why", "ours"}
    assert difference["why"].strip()
    assert "\n" not in difference["why"]
    assert difference["ours"].keys() <= {*CASES[identifier]["expected"], "errors"}
    assert difference["ours"]
