"""What we get for each item of Elephant in the Room, read from the pages' own comparisons.

Each function takes a profile and returns `Found`; it raises MissingResults where its runs have no
result. Nothing is estimated here: the frames are those that the pages show. The five pitfalls,
people and judges have a module of their own (`proxies`).
"""

from proxylab.pages import cleaning, published, reward_models
from proxylab.pages.dpo import quality, robustness
from proxylab.pages.ledger.rule import (
    ANSWERED,
    CHECKED,
    DIFFERS,
    NOT_HERE,
    SAME,
    UNTOLD,
    Found,
    by_check,
    by_direction,
    clear_of,
    seeds_text,
)
from proxylab.pages.overoptimisation.curves import FALL, endings
from proxylab.pages.ppo import outcomes, slopes, training
from proxylab.pages.pro import wins
from proxylab.pages.usual import usual
from proxylab.pages.verdicts import HIGHER, LOWER
from proxylab.paper_values import paper_value
from proxylab.results import MissingResults, gather, load_runs
from proxylab.tables import interval_text, joined, number

VERIFY = "verify_optimisers"


def dpo_loss(profile: str) -> Found:
    """How far DPO's solution is from the exact optimum of an enumerable problem."""
    return Found(f"{_distances(profile, 'dpo')}; loss and gradients equal TRL's (test)", CHECKED)


def _distances(profile: str, algorithm: str) -> str:
    """KL to the exact optimum before and after training, by KL coefficient."""
    run = load_runs(VERIFY, profile=profile, where=usual(VERIFY, profile))[0]
    table = run.table("convergence")
    own = table[table["algorithm"] == algorithm].sort_values("step")
    said = [
        f"β {beta:g}: {number(part['kl_start'].iloc[0], 3)} → "
        f"{number(part['kl_to_optimum'].iloc[-1], 3)}"
        for beta, part in own.groupby("set_beta")
    ]
    return f"nats from the exact optimum, before → after, {', '.join(said)} (one seed)"


def accuracy_metric(profile: str) -> Found:
    return Found("strict inequality; ties and missing scores counted and shown apart", CHECKED)


def pro_loss(profile: str) -> Found:
    return Found(
        "with and without temperatures; at two candidates the logistic loss, gradients checked "
        "in double precision (test)",
        CHECKED,
    )


def dpo_table(profile: str) -> Found:
    """Gold reward of DPO on cleaned less on raw pairs, by test set, standard size."""
    table = quality.gains(profile)
    own = table[(table["comparison"] == quality.HELPS)]
    mixed = own[own["subset"] == "mixed"]
    said = "; ".join(
        f"{row.size_} {text}"
        for row, text in zip(
            mixed.rename(columns={"size": "size_"}).itertuples(), joined(mixed), strict=True
        )
    )
    seeds = seeds_text(int(own["n_seeds"].max()))
    return Found(
        f"gold, cleaned − raw, all test sets: {said}; {seeds}; {clear_of(own)}, all sets and sizes",
        by_direction(own, expected=1),
    )


def accuracy_table(profile: str) -> Found:
    """Accuracy of our reward models on the cleaned mixed set, poorest to best."""
    table = reward_models.accuracy_rows(profile, reward_models.WORLD)
    own = table[(table["labels"] == "cleaned") & (table["subset"] == "mixed")]
    own = own[own["model"].str.startswith(reward_models.PREFIX)].sort_values("value")
    said = "; ".join(
        f"{row.model} {text}"
        for row, text in zip(own.itertuples(), joined(own, digits=1, percent=True), strict=True)
    )
    found = reward_models.comparisons(profile, reward_models.WORLD)
    pair = found[(found["a"].str.endswith("cleaned")) & (found["b"] == "trained on raw")]
    gap = f"; cleaned − raw {joined(pair, digits=1, percent=True)[0]} points" if len(pair) else ""
    careful = by_direction(pair, expected=1) if len(pair) else UNTOLD
    return Found(f"accuracy, %: {said}{gap}. Its models need the hub", careful)


def arithmetic(profile: str) -> Found:
    """Whether our own tables pass the check that some rows of the paper's fail."""
    found = published.possible_rows(profile, reward_models.WORLD)
    said = published.our_tables_are_possible(profile, reward_models.WORLD).data
    return Found(said, by_check(bool(found["possible"].all())))


def ppo_table(profile: str) -> Found:
    """Slope of PPO's final gold reward on the reward model's accuracy."""
    slope = slopes.slope_of(profile, "accuracy")
    found, n_models = slope.interval, int(slope.by_seed["n"].max())
    if found.n < 2:
        verdict = UNTOLD
    else:
        verdict = SAME if found.low > 0 else DIFFERS if found.high < 0 else UNTOLD
    return Found(
        f"gold for ten points of accuracy {interval_text(found)}, {n_models} reward models, "
        f"{seeds_text(found.n)}",
        verdict,
    )


def curves_of_training(profile: str) -> Found:
    """Rank agreement of the reward at the end of training with the final gold reward."""
    table = training.rank_rows(profile).set_index("ruler")
    row = table.loc[training.RULERS["training_reward"]]
    clear = row["p"] < training.ALPHA
    verdict = UNTOLD if not clear else SAME if row["rho"] < 0 else DIFFERS
    seeds = seeds_text(len(row["by_seed"]))
    return Found(
        f"mean rank correlation {number(row['rho'])}, {seeds} "
        f"({', '.join(number(rho, 1) for rho in row['by_seed'])}), p {number(row['p'], 3)}",
        verdict,
    )


def pro_figure(profile: str) -> Found:
    """Win less lose, PRO with the good reward model less with the poor one, by test set."""
    table = wins.net_differences(profile)
    if table.empty:  # PRO was not run with both
        raise MissingResults("align", profile=profile, where={"algorithm": "pro"})
    mixed = table[table["subset"] == "mixed"]
    return Found(
        f"win less lose, good − poor, in points: mixed {joined(mixed, digits=1, percent=True)[0]}, "
        f"{seeds_text(int(table['n_seeds'].max()))}; {clear_of(table)}",
        by_direction(table, expected=1),
    )


def cleaned_sizes(profile: str) -> Found:
    """How many pairs of HH-RLHF's test split the committee keeps."""
    counts = gather("clean", "counts", profile=profile, where=cleaning.REAL)
    counts = counts[(counts["split"] == "test") & (counts["subset"] == "all")]
    n = counts.groupby("category")["n"].sum()
    kept = int(n.get("Same", 0) + n.get("Opposite", 0))
    return Found(
        f"HH-RLHF test, by a committee of models: {kept:,} of {int(n.sum()):,} pairs kept "
        f"(Opposite {int(n.get('Opposite', 0)):,})",
        NOT_HERE,
    )


def toxic_chosen(profile: str) -> Found:
    """Share of published pairs whose chosen reply a classifier flags."""
    counts = gather("clean", "counts", profile=profile, where=cleaning.REAL)
    own = counts[(counts["split"] == "test") & (counts["category"] == "Toxic")]
    own = own[own["subset"] == "harmless-base"]
    text = joined(own, value="share", percent=True)[0]
    return Found(
        f"HH-RLHF harmless-base test: {text} % of chosen replies flagged by a classifier of "
        f"offensive language, whose own errors are not known, n = "
        f"{int(own['total'].iloc[0]):,}; none is quoted",
        ANSWERED,
    )


def scheme(profile: str) -> Found:
    return Found(
        "a scheme of the same chain, with the pages that measure each part; all exist (test)",
        CHECKED,
    )


def categories(profile: str) -> Found:
    """The world's noise is set at the paper's shares; what four annotators make of it."""
    table = cleaning.share_rows(profile).set_index("who")
    found, truth = (table.loc[f"world: {who}", "Same"] for who in ("four annotators", "truth"))
    paper = paper_value("elephant", "figure 3", "train", "Same")
    return Found(
        f"in the world, whose noise is set at the paper's rate, four annotators call "
        f"{number(found, 1)} % Same where {number(truth, 1)} % are (paper: {paper:g} %). People's "
        "labels of HH-RLHF are not public; a committee of models is no substitute",
        NOT_HERE,
    )


def contradiction(profile: str) -> Found:
    read = gather("clean", "read", profile=profile, where=cleaning.REAL)
    test = read[read["split"] == "test"].set_index("subset")
    identical = int(test.loc["helpful-rejection-sampled", "identical"])
    empty = int(test.loc["harmless-base", "empty"])
    return Found(
        f"{identical} identical pairs in helpful-rejection-sampled and {empty} pairs with an empty "
        "reply in harmless-base, exact counts of the published test split",
        DIFFERS if identical or empty else SAME,
    )


def noise_cases(profile: str) -> Found:
    read = gather("clean", "read", profile=profile, where=cleaning.REAL)
    test = read[read["split"] == "test"]
    identical, empty = (int(test[what].sum()) for what in ("identical", "empty"))
    return Found(
        f"HH-RLHF test: {identical} repetitive and {empty} empty of "
        f"{int(test['n_pairs'].sum()):,} pairs, exact counts; none is quoted",
        SAME if identical and empty else DIFFERS,
    )


def goodhart(profile: str) -> Found:
    """In how many curves gold falls from its best to the furthest point, after Holm."""
    table = endings(profile)
    falls = table[table["what"] == FALL]
    n_clear = int((falls["verdict"] == LOWER).sum())
    text = joined(falls.loc[[falls["value"].idxmin()]])[0]
    return Found(
        f"gold falls clearly from its best to the furthest point in {n_clear} of {len(falls)} "
        f"curves (method, proxy, bias); the largest change is {text}",
        ANSWERED,
    )


def less_robust(profile: str) -> Found:
    """Change of gold by another wording, on cleaned less on raw pairs, all wordings together."""
    table = robustness.drops(profile)
    own = table[(table["wording"] == "all four") & (table["comparison"] == quality.HELPS)]
    said = "; ".join(joined(own))
    worse, better = (int((table["verdict"] == side).sum()) for side in (LOWER, HIGHER))
    return Found(
        f"gold lost by another wording, cleaned − raw: {said}; of {len(table)} comparisons "
        f"{worse} clearly worse, {better} clearly better",
        ANSWERED,
    )


def win_table(profile: str) -> Found:
    """Wins to losses by gold against the data's reply, one policy a reward model."""
    table = outcomes.win_rows(profile)
    said = "; ".join(
        f"{row.name} {number(100 * row.win, 0)} / {number(100 * row.lose, 0)}"
        for row in table.itertuples(index=False)
    )
    return Found(f"win / lose by gold, %: {said}", ANSWERED)
