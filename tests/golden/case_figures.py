"""Figures by their path, such as `invoices[2023-02-01T00:00:00Z, 1].total`, and the comparison of two sets."""

from decimal import Decimal
from typing import Any

Figures = dict[str, Any]
Paths = dict[str, Any]

NOT_FIGURES = {
    *("dp", "amount_dp", "unit_amount_dp", "value_dp", "coefficient_dp", "factor_dp"),
    *("value_rounding", "calc", "ledger_from"),
}
"""Keys of `expected` that say to how many places a figure is shown, or how it was worked out."""


def flatten(figures: Any, path: str = "") -> Paths:
    """
    Return the figures by their paths, with numbers as Decimal, so that 5.90 equals 5.9.

    An entry of a list with a date and a step is named by these; any other list is compared whole, with its length.
    """
    if isinstance(figures, dict):
        named = {key: figure for key, figure in figures.items() if key not in NOT_FIGURES}
        return _joined(flatten(figure, f"{path}.{key}" if path else key) for key, figure in named.items())
    if not isinstance(figures, list | tuple):
        return {path: comparable(figures)}
    if figures and all(is_entry(entry) for entry in figures):
        names = [f"{path}[{entry['date']}, {entry['step']}]" for entry in figures]
        assert len({*names}) == len(names), f"two entries of {path} have one date and step"
        return dict.fromkeys(names, True) | _joined(map(flatten, figures, names))
    length = {f"{path}.length": len(figures)}
    return length | _joined(flatten(figure, f"{path}[{number}]") for number, figure in enumerate(figures))


def is_entry(figures: Any) -> bool:
    return isinstance(figures, dict) and {"date", "step"} <= figures.keys()


def comparable(figure: Any) -> Any:
    """Return a number as Decimal, and a sum of fractions with its terms in order."""
    if isinstance(figure, str) and "/" in figure:
        return sorted(figure.split("+"))
    if isinstance(figure, str | int) and str(figure).replace("-", "", 1).replace(".", "", 1).isdigit():
        return Decimal(figure)
    return figure


def mismatches(wanted: Paths, ours: Paths) -> dict[str, tuple[Any, Any]]:
    """Return the wanted figures that ours differ from, each with ours."""
    return {
        path: (figure, ours.get(path)) for path, figure in wanted.items() if path not in ours or ours[path] != figure
    }


def unstated(expected: Paths, stated: Paths) -> list[str]:
    """Return the expected figures for which none is stated; of a list of another length, the stated ones are all."""
    lengths = {path: length for path, length in stated.items() if path.endswith(".length")}
    other = tuple(path.removesuffix(".length") for path, length in lengths.items() if expected.get(path) != length)
    return [path for path in expected if path not in stated and not path.startswith(other)]


def merge(expected: Figures, stated: Figures) -> Figures:
    """Return the expected figures with the entries that only ours have, in chronological order."""
    merged = dict(dict.items(expected)) | {key: stated[key] for key in stated.keys() - expected.keys()}
    for key, entries in merged.items():
        if key in stated and isinstance(entries, list):
            known = {(entry["date"], entry["step"]) for entry in entries if is_entry(entry)}
            more = [entry for entry in stated[key] if is_entry(entry) and (entry["date"], entry["step"]) not in known]
            merged[key] = sorted([*entries, *more], key=lambda entry: entry["date"]) if more else entries
    return merged


def _joined(parts: Any) -> Paths:
    return {path: figure for part in parts for path, figure in part.items()}
