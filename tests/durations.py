"""
Where the time of the tests goes: `python -m tests.durations LOG`.

LOG is the output of a run with `--durations=0 --durations-min=0.02`, as `PYTEST_ARGS` of `make test-all` gives it.
"""

import re
import sys
from collections import Counter
from pathlib import Path

MOST = 40
"""Files in the table."""

_LINE = re.compile(r"\s*([\d.]+)s (call|setup|teardown)\s+(tests/\S+?)::")
_SUMMARY = re.compile(r"=+ (.* in [\d.]+s.*) =+")


def main(log: Path) -> None:
    text = log.read_text()
    by_file, by_phase = Counter[str](), Counter[str]()
    for line in text.splitlines():
        if match := _LINE.match(line):
            seconds, phase, file = float(match[1]), match[2], match[3]
            by_file[file] += seconds
            by_phase[phase] += seconds
    total = sum(by_file.values())
    summaries = _SUMMARY.findall(text)
    print(f"{summaries[-1] if summaries else 'no summary'}; seconds of all workers: {total:,.0f}, of which")
    print(", ".join(f"{phase} {seconds:,.0f}" for phase, seconds in by_phase.most_common()) + ".\n")
    print("| file | seconds | share |\n|---|--:|--:|")
    for file, seconds in by_file.most_common(MOST):
        print(f"| `{file}` | {seconds:.1f} | {seconds / total:.1%} |")
    rest = sum(seconds for _, seconds in by_file.most_common()[MOST:])
    print(f"| {len(by_file) - MOST} other files | {rest:.1f} | {rest / total:.1%} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
