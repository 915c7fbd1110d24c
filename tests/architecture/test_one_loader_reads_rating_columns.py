"""The columns that a period is rated by are selected in one place, so a new one reaches every statement."""

import re

from tests.architecture.source import files

LOADER = "billing/metering/rating_inputs/period_loader.py"
DEFINITIONS = ("rating_inputs/effective_terms.py", "rating_inputs/plan_change_carryover.py")
ONLY_FOR_RATING = re.compile(r"\{(OVERRIDES|CONTINUED|CONTINUES)\}|FROM billing_override\b")


def rating_columns_in(text: str) -> bool:
    """Return whether a module's SQL selects columns that only rating reads."""
    return bool(ONLY_FOR_RATING.search(text))


def test_only_the_loader_selects_them():
    modules = {str(path): path.read_text() for path in files("billing/metering", "billing/closing", "billing/limits")}
    modules |= {str(path): path.read_text() for path in files("billing/simulation", "billing/audit")}
    offenders = [
        name
        for name, text in modules.items()
        if not name.endswith((LOADER, *DEFINITIONS)) and rating_columns_in(text)
    ]
    assert not offenders


def test_a_second_statement_would_be_noticed():
    assert rating_columns_in('_READ = f"SELECT p.id, p.version_id, {OVERRIDES} FROM billing_period p"')


def test_every_reader_of_periods_uses_them():
    readers = [
        str(path)
        for path in files("billing/metering", "billing/closing", "billing/limits", "billing/audit")
        if re.search(r"\b(RATING|METERING)_COLUMNS\b", path.read_text()) and not str(path).endswith(LOADER)
    ]
    wings = {name.split("/billing/")[1].split("/")[0] for name in readers}
    assert wings == {"metering", "closing", "limits", "audit"}
