"""
Move prepaid value from fifty writers at once, on one wallet and on a hundred, and kill writers while they do it.

Two operations of five repeat another one, by a writer beside it, at about the same time: it must be answered as the
first was. Each writer keeps a journal of what it was answered; one that is killed is started again, and asks anew for
what it had no answer to. In the end the balances are what the answers come to. Before that, the state machine of the
tests takes its steps, at length.
"""

import argparse
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from config.postgres import Cluster
from tests.prove import wallet_oracle, wallet_steps, wallet_writers
from tests.prove.final_check import books_are_sound
from tests.prove.verdict import Verdict, say

LEAST_INSIDE = 0.8
LEAST_ACCEPTED = 0.6
LEAST_PER_KILL = 250
"""Operations for each kill, so that writers are not done before all of them were killed."""


def run(arguments: Sequence[str], cluster: Cluster) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prove wallets", description=__doc__)
    parser.add_argument("--operations", type=int, default=100_000, help="on one wallet, and as many on a hundred")
    parser.add_argument("--kills", type=int, default=200, help="of writers, while they do a tenth of that again")
    parser.add_argument("--writers", type=int, default=50)
    parser.add_argument("--steps", type=int, default=20_000, help="of the state machine")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args(arguments)
    verdict = Verdict(
        f"{asked.steps:,} steps; {asked.operations:,} operations from {asked.writers} writers; {asked.kills} kills",
        seed=asked.seed,
    )
    wallet_steps.walk(asked.steps, asked.seed, verdict)
    for number, wallets in enumerate((1, 100)):
        _campaign(wallets, asked.operations, asked.writers, 0, asked.seed + 2 * number, verdict)
        kills = asked.kills // 2
        operations = max(asked.operations // 10, LEAST_PER_KILL * kills)
        _campaign(wallets, operations, asked.writers, kills, asked.seed + 2 * number + 1, verdict)
    books_are_sound(verdict)
    return verdict.conclude()


def _campaign(wallets: int, operations: int, writers: int, kills: int, seed: int, verdict: Verdict) -> None:
    name = f"{operations:,} operations on {wallets} wallet{'s' * (wallets > 1)}, {kills} kills"
    world = wallet_writers.found(wallets, tag=str(seed))
    chains = wallet_writers.planned(operations, world, seed)
    with tempfile.TemporaryDirectory() as folder:
        hands = [chains[number::writers] for number in range(writers)]
        house = wallet_writers.House(hands, world, Path(folder), seed)
        inside = house.work(kills)
        answers = house.answers()
    verdict.require(not house.failed, f"{name}: writers ended with status {house.failed[:3]}")
    say(f"  {name}: {house.seconds:,.0f} s, {operations / house.seconds:,.0f}/s, {inside} kills inside the window")
    verdict.require(house.kills == kills, f"{name}: the writers were done after {house.kills} of {kills} kills")
    verdict.require(inside >= LEAST_INSIDE * kills, f"{name}: only {inside} of {kills} kills landed in the window")
    accepted = wallet_oracle.compare(chains, answers, world, verdict)
    verdict.require(accepted >= LEAST_ACCEPTED, f"{name}: only {accepted:.0%} were accepted")
