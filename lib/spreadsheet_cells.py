"""Cells that spreadsheets don't interpret as formulas."""

FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")
"""Characters with which a spreadsheet formula can begin."""


def escape_formula(text: str) -> str:
    """
    Return a cell that no spreadsheet interprets as a formula: a suspicious one gets an apostrophe in front.

    Source: OWASP, CSV Injection. Negative numbers are unchanged.
    """
    if not text.startswith(FORMULA_PREFIXES):
        return text
    try:
        float(text.replace(",", ""))
    except ValueError:
        return f"'{text}"
    return text
