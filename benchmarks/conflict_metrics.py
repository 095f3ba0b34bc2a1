"""Conflict metrics of one million completions against loops over prompts, on one core.

Ours on every prompt; scipy and plain numpy prompt by prompt, as a user would write them, on the
first `--loop-prompts` of them and extrapolated (0: on all); and, for PACS alone, scipy's z-score
over all prompts at once. Prints ratios and fails unless all agree:
`python benchmarks/conflict_metrics.py --completions 1000000`.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from proxylab.conflict import kendall_tau_distance, prompt_conflict
from scipy.stats import kendalltau, zscore

N_SAMPLES = 8
TOLERANCE = 1e-9


def scipy_conflict(reward: np.ndarray, logprob: np.ndarray) -> np.ndarray:
    """Mean |PACS| prompt by prompt."""
    prompts = zip(reward, logprob, strict=True)
    return np.array([np.abs(zscore(r) - zscore(p)).mean() for r, p in prompts])


def numpy_conflict(reward: np.ndarray, logprob: np.ndarray) -> np.ndarray:
    """Mean |PACS| prompt by prompt, without scipy's checks."""

    def z(x: np.ndarray) -> np.ndarray:
        return (x - x.mean()) / x.std()

    return np.array([np.abs(z(r) - z(p)).mean() for r, p in zip(reward, logprob, strict=True)])


def scipy_conflict_at_once(reward: np.ndarray, logprob: np.ndarray) -> np.ndarray:
    """Mean |PACS| of all prompts in one call of scipy."""
    return np.abs(zscore(reward, axis=1) - zscore(logprob, axis=1)).mean(axis=1)


def scipy_kendall(reward: np.ndarray, logprob: np.ndarray) -> np.ndarray:
    """Kendall-Tau distance prompt by prompt: (1 - tau) / 2, as there are no ties here."""
    prompts = zip(reward, logprob, strict=True)
    return np.array([(1 - kendalltau(r, p).statistic) / 2 for r, p in prompts])


def numpy_kendall(reward: np.ndarray, logprob: np.ndarray) -> np.ndarray:
    """Kendall-Tau distance prompt by prompt: the share of pairs of opposite sign."""
    first, second = np.triu_indices(reward.shape[1], k=1)
    prompts = zip(reward, logprob, strict=True)
    return np.array(
        [((r[first] - r[second]) * (p[first] - p[second]) < 0).mean() for r, p in prompts]
    )


def candidates(n_prompts: int, n_loop: int) -> list[tuple[str, str, Callable, int]]:
    """(metric, way, function, prompts it is run on); the first way of a metric is ours."""
    return [
        ("mean |PACS|", "ours", prompt_conflict, n_prompts),
        ("mean |PACS|", "scipy loop", scipy_conflict, n_loop),
        ("mean |PACS|", "numpy loop", numpy_conflict, n_loop),
        ("mean |PACS|", "scipy at once", scipy_conflict_at_once, n_prompts),
        ("Kendall-Tau", "ours", kendall_tau_distance, n_prompts),
        ("Kendall-Tau", "scipy loop", scipy_kendall, n_loop),
        ("Kendall-Tau", "numpy loop", numpy_kendall, n_loop),
    ]


def best_of(run: Callable[[], np.ndarray], repeats: int) -> tuple[float, np.ndarray]:
    """Least wall time of a few runs, in seconds, and the result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        values = run()
        times.append(time.perf_counter() - start)
    return min(times), values


def benchmark(
    n_completions: int = 1_000_000, *, loop_prompts: int = 2000, repeats: int = 3, seed: int = 0
) -> pd.DataFrame:
    """Time every way on the same independent Gaussian values, K = 8.

    Columns: metric, way, prompts (timed), seconds (for all prompts, extrapolated where fewer were
    timed), times_slower (than ours), largest_gap (absolute difference from ours on its prompts).
    Raises AssertionError where a gap exceeds TOLERANCE.
    """
    n_prompts = n_completions // N_SAMPLES
    n_loop = min(loop_prompts, n_prompts) or n_prompts
    reward, logprob = np.random.default_rng(seed).standard_normal((2, n_prompts, N_SAMPLES))
    rows, ours = [], {}
    for metric, way, metric_of, n in candidates(n_prompts, n_loop):
        run = lambda f=metric_of, n=n: f(reward[:n], logprob[:n])  # noqa: E731
        seconds, values = best_of(run, repeats)
        reference = ours.setdefault(metric, values)
        gap = float(np.abs(values - reference[:n]).max())
        assert gap < TOLERANCE, f"{way} differs from ours by {gap:.1e} in {metric}"
        rows.append((metric, way, n, seconds * n_prompts / n, gap))
    table = pd.DataFrame(rows, columns=["metric", "way", "prompts", "seconds", "largest_gap"])
    fastest = table.groupby("metric")["seconds"].transform("first")
    return table.assign(times_slower=table["seconds"] / fastest)


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--completions", type=int, default=1_000_000)
    parser.add_argument("--loop-prompts", type=int, default=2000, help="0: all of them")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    table = benchmark(
        options.completions, loop_prompts=options.loop_prompts, repeats=options.repeats
    )
    n_prompts = table["prompts"].max()
    for row in table.itertuples():
        timed = "" if row.prompts == n_prompts else f" (extrapolated from {row.prompts} prompts)"
        print(
            f"{row.metric:12} {row.way:14} {row.times_slower:7.1f}x the time, "
            f"{row.seconds:7.3f} s, within {row.largest_gap:.0e}{timed}"
        )
    both = table.groupby("way", sort=False)["seconds"].sum()
    for way in ("scipy loop", "numpy loop"):
        print(f"both metrics: the {way} takes {both[way] / both['ours']:.0f}x the time")


if __name__ == "__main__":
    main()
