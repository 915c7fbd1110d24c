"""The responses that a contract campaign noted, summed by operation."""

import json
from collections import Counter, defaultdict
from pathlib import Path

from tests.prove.verdict import say, table

INPUTS = "TOLLBOOK_CONTRACT_INPUTS"

# Codes of faults that a schema can declare.
SHAPE_CODES = frozenset(
    {
        *("required", "null", "blank", "empty", "invalid", "invalid_choice", "not_a_list", "not_a_dict"),
        *(
            "max_length",
            "min_length",
            "max_value",
            "min_value",
            "max_string_length",
            "number",
            "negative",
            "positive",
        ),
        *("most", "places", "format", "bounds", "address", "locale", "bank"),
    }
)
KINDS = {401: "key", 402: "limit", 403: "key", 404: "no such row", 409: "state", 413: "size", 429: "rate"}


def kind_of(status: int, reason: str) -> str:
    """Return the kind of a refusal: what the database holds, or the shape of the request."""
    if status in KINDS:
        return KINDS[status]
    code = reason.rpartition(": ")[2]
    return "shape" if status == 400 and (code in SHAPE_CODES or reason.startswith("malformed")) else "stored data"


def report(notes: Path, *, least: float) -> None:
    """Print the operations of which a smaller share of valid requests than `least` was accepted, with the reasons."""
    statuses: defaultdict[str, Counter[int]] = defaultdict(Counter)
    reasons: defaultdict[str, Counter[tuple[int, str]]] = defaultdict(Counter)
    for line in notes.read_text().splitlines():
        operation, is_valid, status, reason = json.loads(line)
        if is_valid:
            statuses[operation][status] += 1
            if status >= 400:
                reasons[operation][status, reason] += 1
    rows, accepted_requests = [], 0
    for operation, counts in sorted(statuses.items()):
        accepted = sum(count for status, count in counts.items() if status < 400)
        accepted_requests += accepted
        if accepted < least * counts.total():
            (status, reason), count = reasons[operation].most_common(1)[0]
            share = f"{accepted}/{counts.total()}"
            rows.append([operation, share, kind_of(status, reason), f"{count} × {status} {reason}"])
    total = sum(counts.total() for counts in statuses.values())
    say(f"\n{total:,} valid requests of {len(statuses)} operations, {accepted_requests / max(total, 1):.0%} accepted")
    say(f"{len(rows)} operations of which less than {least:.0%} were accepted, and the most frequent reason:\n")
    table(["operation", "accepted", "kind", "reason"], rows)
