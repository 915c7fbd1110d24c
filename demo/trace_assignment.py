"""
Assign the trace's requests to customers: `python -m demo.trace_assignment` writes data/mapping.csv.

The trace has no customers and covers one hour. Each of its rows gets a customer, a model, an API key and a place in
time, at random but always the same: only `random()` with a fixed seed is used, which Python guarantees not to change.
The file has no dates: `place` is a share of the days to fill (in 100,000ths), `second` the second of that day in the
customer's zone. See data/README.md.
"""

import csv
import math
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from random import Random

DATA = Path(__file__).parent / "data"
SEED = 20231116
PLACES = 100_000
COLUMNS = ("request", "customer", "model", "api_key", "place", "second")
MODELS = {"code": ("forge-large", "forge-mini"), "conv": ("chat-large", "chat-mini")}
LARGE_SHARE = 0.65
GROWTH = 0.5  # the last day has this share more requests than the middle one, and the first this share fewer


def write(target: Path = DATA / "mapping.csv") -> None:
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(mapping())


def mapping() -> Iterator[tuple[str, str, str, str, int, int]]:
    """Yield a row of `COLUMNS` for each request of the trace, in the order of its two files."""
    random = Random(SEED)  # noqa: S311 - must be predictable
    with (DATA / "customers.csv").open(newline="", encoding="utf-8") as file:
        customers = list(csv.DictReader(file))
    for name, models in MODELS.items():
        weights = [int(customer[name]) for customer in customers]
        with (DATA / f"AzureLLMInferenceTrace_{name}.csv").open(encoding="utf-8") as file:
            rows = sum(1 for _ in file) - 1
        for row in range(1, rows + 1):
            customer = customers[_pick(random, weights)]
            model = models[0 if random.random() < LARGE_SHARE else 1]
            keys = customer["keys"].split()
            key = keys[_pick(random, range(len(keys), 0, -1))]
            yield f"{name}-{row}", customer["external_id"], model, key, _place(random), _second(random)


def _pick(random: Random, weights: "list[int] | range") -> int:
    """Return the index of one of the weights, with a probability proportional to the weight."""
    bounds = list(accumulate(weights))
    at = random.random() * bounds[-1]
    return next(index for index, bound in enumerate(bounds) if at < bound)


def _place(random: Random) -> int:
    """Return a place in time: the density grows linearly from 1 − GROWTH to 1 + GROWTH."""
    share = (GROWTH - 1 + math.sqrt((1 - GROWTH) ** 2 + 4 * GROWTH * random.random())) / (2 * GROWTH)
    return min(int(share * PLACES), PLACES - 1)


def _second(random: Random) -> int:
    """Return a second of the day: most requests are around noon, few at night."""
    return int((random.random() + random.random() + random.random()) / 3 * 86_400)


if __name__ == "__main__":
    write()
