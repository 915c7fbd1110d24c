"""
Move prepaid value by fifty concurrent writers, on one wallet and on a hundred, and kill writers meanwhile.

Two operations of five repeat another one, by another writer, at about the same time: the repeat must get the answer
of the first. Each writer keeps a journal of its answers; a killed writer is restarted, and repeats the operations
without an answer. At the end the balances equal the answers. Before that, the state machine of the tests runs at
length.
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
    options = parser.parse_args(arguments)
    verdict = Verdict(
        f"{options.steps:,} steps; {options.operations:,} operations from {options.writers} writers; "
        f"{options.kills} kills",
        seed=options.seed,
    )
    wallet_steps.walk(options.steps, options.seed, verdict)
    for number, wallets in enumerate((1, 100)):
        _campaign(wallets, options.operations, options.writers, 0, options.seed + 2 * number, verdict)
        kills = options.kills // 2
        operations = max(options.operations // 10, LEAST_PER_KILL * kills)
        _campaign(wallets, operations, options.writers, kills, options.seed + 2 * number + 1, verdict)
    books_are_sound(verdict)
    return verdict.conclude()


def _campaign(wallets: int, operations: int, writers: int, kills: int, seed: int, verdict: Verdict) -> None:
    name = f"{operations:,} operations on {wallets} wallet{'s' * (wallets > 1)}, {kills} kills"
    campaign = wallet_writers.make_wallets(wallets, tag=str(seed))
    chains = wallet_writers.plan_chains(operations, campaign, seed)
    with tempfile.TemporaryDirectory() as folder:
        hands = [chains[number::writers] for number in range(writers)]
        house = wallet_writers.WriterPool(hands, campaign, Path(folder), seed)
        inside = house.work(kills)
        answers = house.answers()
    verdict.require(not house.failed, f"{name}: writers ended with status {house.failed[:3]}")
    say(f"  {name}: {house.seconds:,.0f} s, {operations / house.seconds:,.0f}/s, {inside} kills inside the window")
    verdict.require(house.kills == kills, f"{name}: the writers ended after {house.kills} of {kills} kills")
    verdict.require(inside >= LEAST_INSIDE * kills, f"{name}: only {inside} of {kills} kills were inside the window")
    accepted = wallet_oracle.compare(chains, answers, campaign, verdict)
    verdict.require(accepted >= LEAST_ACCEPTED, f"{name}: only {accepted:.0%} were accepted")
