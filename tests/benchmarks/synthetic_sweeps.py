"""What is said of 1,000 synthetic sweeps whose truth is known: growth laws, worker advice, intervals of speed-ups.

python tests/benchmarks/synthetic_sweeps.py [--sweeps 1000] [--first 0] [--show]

The sweeps are records as a measurement yields them (tests/analysis/synthetic.py), of six kinds of work on seven kinds of
machines, and go the way of every bench (tests/analysis/scoring.py). It takes about five minutes on two cores. Exits with 1
where a bar is missed:

- of the sweeps over sizes at most 2 % have a wrong growth law;
- of the sweeps over workers at most 1 % have an advice that contradicts the truth: the advised throughput is below 95 % of the
  best one, or fewer workers reach that; and at most 1 % a reason that does;
- of the intervals of speed-ups at most 6 % miss the true one, on each kind of machine at most 12 %;
- silence is no way to meet these: on a usual machine, with 20 rounds or more, a law is named in at least 60 % of the sweeps
  over six sizes or more, and advice given in at least 60 % of those over workers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[1] / "analysis"))

from scoring import Score, score
from synthetic import MACHINES, WORKLOADS

WRONG_LAWS, WRONG_ADVICE, WRONG_REASONS, MISSED, MISSED_ON_ONE = 0.02, 0.01, 0.01, 0.06, 0.12
LEAST_NAMED = LEAST_ADVISED = 0.6


def main() -> int:
    """Print what was said of each kind, and the bars; 1 where one is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sweeps", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--show", action="store_true", help="each sweep of which something wrong is said")
    options = parser.parse_args()
    start = perf_counter()
    seeds = range(options.first, options.first + options.sweeps)
    with ProcessPoolExecutor(2) as pool:
        scores = list(pool.map(score, seeds, chunksize=10))
    print_kinds(scores)
    if options.show:
        for one in scores:
            if wrong := "; ".join(filter(None, (one.wrong_law, one.wrong_advice, one.wrong_reason))):
                print(f"seed {one.seed}, {one.workload} on a machine that is {one.machine}: {wrong}")
    met = print_bars(scores)
    print(f"{perf_counter() - start:.0f} s")
    return 0 if met else 1


def print_kinds(scores: Sequence[Score]) -> None:
    """A row for each kind of machine and of work."""
    print(
        f"{'':18}{'sizes':>7}{'named':>8}{'wrong':>7}{'workers':>9}{'advised':>9}{'wrong':>7}{'reasons':>9}{'speed-ups':>11}{'missed':>8}"
    )
    for kinds, kind_of in ((MACHINES, "machine"), (WORKLOADS, "workload")):
        for kind in kinds:
            rows = [one for one in scores if getattr(one, kind_of) == kind]
            over_sizes = [one for one in rows if one.law]
            over_workers = [one for one in rows if not one.law]
            laws = f"{len(over_sizes):>7}{_share(over_sizes, 'named'):>8}{_count(over_sizes, 'wrong_law'):>7}"
            advice = f"{len(over_workers):>9}{_share(over_workers, 'has_advice'):>9}{_count(over_workers, 'wrong_advice'):>7}"
            found, missed = (sum(getattr(one, name) for one in rows) for name in ("intervals", "missed"))
            share = f"{missed / found:.1%}" if found else "–"
            print(f"{kind:18}{laws}{advice}{_count(over_workers, 'wrong_reason'):>9}{found:>11}{share:>8}")


def print_bars(scores: Sequence[Score]) -> bool:
    """Each bar with its figure; whether all are met."""
    over_sizes, over_workers = [one for one in scores if one.law], [one for one in scores if not one.law]
    could_name, could_advise = [one for one in scores if one.could_name], [one for one in scores if one.could_advise]
    with_noise = [one for one in scores if one.has_noise]
    worst = max(_missed([one for one in scores if one.machine == machine]) for machine in MACHINES)
    most = [
        ("sweeps over sizes with a wrong law", _part(over_sizes, "wrong_law"), WRONG_LAWS),
        ("sweeps over workers with advice that contradicts the truth", _part(over_workers, "wrong_advice"), WRONG_ADVICE),
        ("sweeps over workers with a reason that does", _part(over_workers, "wrong_reason"), WRONG_REASONS),
        ("intervals of speed-ups that miss the true one", _missed(scores), MISSED),
        ("the same on the worst kind of machine", worst, MISSED_ON_ONE),
        ("intervals of the noise floor that miss the true difference", _part(with_noise, "missed_noise"), MISSED_ON_ONE),
    ]
    least = [
        (f"of {len(could_name)} well measured sweeps a law is named in", _part(could_name, "named"), LEAST_NAMED),
        (f"of {len(could_advise)} well measured sweeps advice is given in", _part(could_advise, "has_advice"), LEAST_ADVISED),
    ]
    for name, share, bar in most:
        print(f"{name:62}{share:>7.1%}   at most {bar:.0%}{'' if share <= bar else '  MISSED'}")
    for name, share, bar in least:
        print(f"{name:62}{share:>7.1%}  at least {bar:.0%}{'' if share >= bar else '  MISSED'}")
    return all(share <= bar for _, share, bar in most) and all(share >= bar for _, share, bar in least)


def _missed(scores: Sequence[Score]) -> float:
    found = sum(one.intervals for one in scores)
    return sum(one.missed for one in scores) / found if found else 0.0


def _part(scores: Sequence[Score], name: str) -> float:
    return sum(bool(getattr(one, name)) for one in scores) / len(scores) if scores else 0.0


def _share(scores: Sequence[Score], name: str) -> str:
    return f"{_part(scores, name):.0%}" if scores else "–"


def _count(scores: Sequence[Score], name: str) -> str:
    return str(sum(bool(getattr(one, name)) for one in scores)) if scores else "–"


if __name__ == "__main__":
    sys.exit(main())
