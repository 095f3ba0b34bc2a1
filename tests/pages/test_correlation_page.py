"""The page on correlation with people: pooled as said, sentences that follow the numbers."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from proxylab.evaluate.correlation import METHODS
from proxylab.pages.correlation import (
    committees,
    items,
    judgebench,
    people,
    rows,
    shards,
    statement,
)
from proxylab.pages.ledger import proxies, rule
from proxylab.pages.verdicts import HIGHER, NOISE, NOT_AFTER_HOLM
from proxylab.results import MissingResults
from proxylab.studies.correlation.judgebench import (
    BEST_SINGLE,
    MAJORITY,
    MEAN_GAP,
    STACKED,
    judgebench_tables,
)
from proxylab.studies.correlation.real import TRAINED, people_table
from proxylab.studies.correlation.shards import sharding_tables
from proxylab.studies.correlation.world import ALL, CHOSEN, GOLD, ONE, PEOPLE, PERSON, START
from proxylab.studies.correlation.world import WITHIN as INSIDE
from proxylab.studies.public_data import JudgedPairs

PAGE = (rows, items, people, judgebench, committees, shards)
SCORERS = {"random": 0.0, "longest": 0.1, "tfidf-word": 0.2, "weak": 0.1, "good": 0.6, GOLD: 0.95}
PROXIES = ("weak", "good")
SUBSETS = np.repeat(["harmless-base", "helpful-base", "helpful-online"], 30)


@cache
def world_tables(seed):
    """A scorer's correlation is its entry in SCORERS, a tenth more a seed, redraws +-0.05."""
    rng, wobble = np.random.default_rng(seed), np.r_[0.0, np.linspace(-0.05, 0.05, 100)]
    draws, counts = [], []
    for target in (PEOPLE, GOLD):
        for name, value in SCORERS.items():
            policies = (START, CHOSEN) if name in PROXIES else (START,)
            for policy in (p for p in policies if name != target):
                labels = {"policy": policy, "target": target, "scorer": name}
                counts.append({**labels, "n_prompts": 90, "n_responses": 360, "n_defined": 80})
                here = (value + 0.1 * seed) * (0.5 if policy == CHOSEN else 1)
                for over in (ONE, ALL, INSIDE):
                    for method in METHODS:
                        kept = {"over": over, "method": method, "value": here + wobble}
                        draws.append(pd.DataFrame({**labels, **kept, "draw": np.arange(101)}))
    ceiling = [
        {"scorer": PERSON, "over": over, "method": method, "draw": i, "value": 0.8}
        for over in (ONE, ALL)
        for method in METHODS
        for i in range(101)
    ]
    human = rng.normal(size=90) + 3 * (SUBSETS != "harmless-base")
    noise = rng.normal(size=(len(SCORERS), 90))
    scores = {
        name: SCORERS[name] * human + (1 - SCORERS[name]) * own
        for name, own in zip(SCORERS, noise, strict=True)
    }
    options = {"n_shards": 5, "n_assignments": 30, "seed": seed}
    return {
        "draws": pd.concat(draws, ignore_index=True),
        "ceiling": pd.DataFrame(ceiling),
        "counts": pd.DataFrame(counts),
        **sharding_tables(scores, human, SUBSETS, **options),
    }


def score_frames(gaps):
    pair_id = [f"{i:03d}" for i in range(len(next(iter(gaps.values()))))]
    return {
        name: pd.DataFrame({"pair_id": pair_id, "score_chosen": gap, "score_rejected": 0.0})
        for name, gap in gaps.items()
    }


@cache
def score_tables(*, apart):
    """Five models on 120 pairs: alike, or the first far better than the rest."""
    from proxylab.accuracy import accuracy_table, compare

    rng = np.random.default_rng(3)
    gaps = {f"owner/m{i}-reward": rng.normal(0.2, 1, 120) for i in range(5)}
    if apart:
        gaps["owner/m0-reward"] = np.abs(gaps["owner/m0-reward"])
    subset = np.repeat([f"judgebench-{task}" for task in judgebench.TASKS], 30)
    scores = score_frames(gaps)
    pairs = pd.DataFrame({"pair_id": scores["owner/m0-reward"]["pair_id"], "subset": subset})
    compared = compare(scores, rng=rng, n_resamples=50)
    return {
        "accuracy": accuracy_table(scores, pairs),
        "comparisons": compared,
        **judgebench_tables(scores, pairs, compared, seed=0, n_resamples=50),
    }


@cache
def people_tables(data):
    rng = np.random.default_rng(4)
    truth = rng.normal(size=80)
    votes = np.sign(truth + 0.5 * rng.normal(size=(3, 80)))
    pairs = pd.DataFrame({"prompt": np.repeat([f"p{i}" for i in range(20)], 4)})
    gaps = {"random": rng.normal(size=80), "longest": truth, TRAINED: truth + rng.normal(size=80)}
    if data == "ukpconvarg1":
        del gaps[TRAINED]
    table = people_table(gaps, JudgedPairs(pairs, votes), rng=rng, n_resamples=50)
    facts = {"n_pairs": 80, "n_prompts": 20, "n_votes": 3, "unanimous": 0.7, "tied": 0.0}
    return {"people": table, "judged": pd.DataFrame([facts])}


@pytest.fixture
def results(monkeypatch):
    """Recorded runs, by notebook and by data; a test may take some away."""
    runs = {
        "world": [(seed, world_tables(seed)) for seed in (0, 1)],
        "pandalm": [(0, people_tables("pandalm"))],
        "ukpconvarg1": [(0, people_tables("ukpconvarg1"))],
        "scores": [(0, score_tables(apart=False))],
    }

    def gather(notebook, table, *, profile, where=None):
        name = "scores" if notebook == "measure_scores" else where["data"]
        wanted = (where or {}).get("seed")
        kept = [(seed, t) for seed, t in runs.get(name, []) if wanted in (None, seed)]
        if not kept:
            raise MissingResults(notebook, profile=profile, where=where)
        asked = {"data": name, "scores": "judgebench", "n_shards": 5}
        frames = [t[table].assign(seed=seed, **asked) for seed, t in kept]
        return pd.concat(frames, ignore_index=True)

    for module in PAGE:
        if hasattr(module, "gather"):
            monkeypatch.setattr(module, "gather", gather)
    return runs


def test_seeds_are_pooled_by_their_mean(results):
    found = rows.pooled("cpu", "good", ALL)
    assert found.estimate == pytest.approx(0.65)  # 0.6 and 0.7
    # Student's t with one degree of freedom: 0.65 less 12.7062 standard errors of 0.05, which is
    # wider than the redraws; above, no correlation exceeds 1.
    assert found.low == pytest.approx(0.65 - 12.7062 * 0.05, abs=1e-5)
    assert found.high == 1
    assert found.n == 180
    assert rows.reward_models("cpu") == PROXIES
    assert rows.scorers("cpu") == ("random", "longest", "tfidf-word", "weak", "good", GOLD)


def test_of_ten_seeds_the_redraws_are_enough(results):
    results["world"] = [(seed, world_tables(seed)) for seed in range(10)]
    found = rows.pooled("cpu", "weak", ALL)  # 0.1, 0.2, ... 1.0
    # Student's t would reach 0.55 - 2.262 * 0.0957 = 0.334; redrawn means of ten seeds do not.
    assert 0.34 < found.low < 0.42
    assert rows.interval_in_words("cpu") == "95 % interval over seeds and prompts"


def test_captions_say_what_intervals_are_over(results):
    assert "no narrower than Student's t over seeds makes it" in items.item_table("cpu").data
    results["world"] = results["world"][:1]
    assert rows.interval_in_words("cpu") == "95 % interval over prompts"


def test_a_difference_is_taken_on_the_same_redraws(results):
    keys = [(START, PEOPLE, name, ALL, "pearson") for name in ("good", "weak")]
    found = rows.differences("cpu", {"good − weak": keys}).iloc[0]
    # Their redraws wobble together: what is left is 0.5 in either seed, without width.
    assert found[["value", "low", "high"]].tolist() == pytest.approx([0.5, 0.5, 0.5])
    assert found["n_seeds"] == 2
    assert found["verdict"] == HIGHER


def test_the_worst_and_the_best_are_shown(results):
    assert shards.shown_scorers("cpu") == ("weak", "good")
    text = shards.figure_4("cpu").data
    assert "seed 0" in text
    assert "15 shards" in text
    assert "90 items" in text
    assert "The dashed line: our shards of 6" in shards.theory_figure("cpu").data


def test_the_sharding_table_has_a_row_for_every_scorer(results):
    text = shards.sharding_table("cpu").data
    assert all(f"| {name.replace('-', chr(92) + '-')} |" in text for name in SCORERS)
    assert "| 0.65 [0.01, 1.00] |" in text  # of good, per item
    assert "1,000 means over seeds" in text


def test_the_null_of_a_mean_over_seeds_is_that_of_the_mean(results):
    both = rows.sharding("cpu").loc["good"]
    alone = []
    for pair in list(results["world"]):
        rows.sharding.cache_clear()
        results["world"] = [pair]
        alone.append(rows.sharding("cpu").loc["good"])
    for name in ("blind", "redrawn"):
        first, second, width = (own[f"{name}_high"] - own[f"{name}_low"] for own in (*alone, both))
        # The mean of two independent draws; the mean of the seeds' own limits is 1.4 times wider.
        assert width == pytest.approx(np.hypot(first, second) / 2, rel=0.1), name
        assert both[name] == pytest.approx((alone[0][name] + alone[1][name]) / 2, abs=0.03), name


def test_a_shuffled_copy_is_found_in_its_own_null(results):
    table = rows.sharding("cpu")
    # Gold is what people mark, all but noise: no copy that knows the subsets alone looks as good.
    assert rows.against_blind(table)[GOLD] == 1
    moved = table.assign(drawn=table["blind"])
    assert not rows.against_blind(moved).any()
    assert (rows.against_blind(moved.assign(drawn=moved["blind_low"] - 0.01)) == -1).all()
    assert rows.against_blind(moved.assign(drawn=np.nan)).isna().all()


@pytest.mark.parametrize(
    ("limit", "beyond", "verdict", "counted"),
    [
        ("blind_high", 0.01, "which the picture exceeds, by", "of 0 lies"),
        ("blind_low", -0.01, "which the picture falls short of, by", "of 0 lies"),
        ("blind_high", -0.001, "nothing in the picture tells the two apart", "of 5 lies"),
    ],
)
def test_what_a_picture_of_shards_shows_follows_from_the_null(
    results, monkeypatch, limit, beyond, verdict, counted
):
    table = rows.sharding("cpu")
    moved = table.assign(drawn=table[limit] + beyond)
    monkeypatch.setattr(rows, "sharding", lambda profile: moved)
    assert verdict in statement.meaning("cpu").data
    said = shards.sharding_sentence("cpu").data
    assert "Of 5 scorers (gold left out)" in said
    assert counted in said
    everyone = ", ".join(f"*{name}*" for name in SCORERS if name != GOLD)
    assert (f"above it: {everyone}." in said) == verdict.startswith("which the picture exceeds")
    assert (f"below it: {everyone}." in said) == verdict.startswith("which the picture falls")


def test_items_say_what_lies_behind_them(results):
    text = items.item_table("cpu").data
    assert "720 responses to 180 prompts of 2 seeds (0, 1)" in text
    assert "160 have one for gold" in text
    assert "correlation-chosen" in items.selected_figure("cpu").data


def test_what_two_seeds_lose_is_noise(results):
    # Chosen responses keep half: good loses 0.3 and 0.35, weak 0.05 and 0.1; both beyond redraws,
    # which cancel. Over seeds -0.325 has a standard error of 0.025: with one degree of freedom
    # limits 12.7062 of them away, -0.64 and -0.01, and p 0.049, twice that after Holm.
    found = items.selected_changes("cpu").set_index("comparison")
    limits = found.loc["good", ["value", "low", "high"]].tolist()
    assert limits == pytest.approx([-0.325, -0.64266, -0.00734], abs=1e-5)
    assert found["verdict"].to_dict() == {"good": NOT_AFTER_HOLM, "weak": NOISE}
    text = items.selected_sentence("cpu").data
    assert "2 of 2 comparisons cannot be told from noise; 1 of them would be clear alone" in text
    assert "Part of a loss" not in text


def test_what_three_seeds_lose_alike_is_a_loss(results):
    results["world"] = [(seed, world_tables(seed)) for seed in (0, 1, 2)]
    # good loses 0.3, 0.35, 0.4: 4.3027 standard errors of 0.0289 are 0.12, and p 0.007, 0.013
    # after Holm; weak 0.05, 0.1, 0.15, with the same width.
    text = items.selected_sentence("cpu").data
    assert "clear differences: good: −0.35 [−0.47, −0.23]." in text
    assert "1 of 2 comparisons cannot be told from noise (the largest: weak: −0.10" in text
    assert "Part of a loss" in text


def test_the_ledger_judges_figure_4_over_seeds(results, monkeypatch):
    monkeypatch.setattr(proxies, "POOR", "weak")
    monkeypatch.setattr(proxies, "GOOD", "good")
    found = proxies.correlation("cpu")
    assert found.verdict == rule.SAME  # 0.5 in both seeds
    assert "difference 0.50 [0.50, 0.50]; 2 seeds. Over shards" in found.ours
    rows.kept_draws.cache_clear()
    rows.pooled.cache_clear()
    (first, second) = results["world"]
    draws = second[1]["draws"]
    nearer = draws.assign(value=draws["value"] + 0.4 * (draws["scorer"] == "weak"))
    results["world"] = [first, (1, {**second[1], "draws": nearer})]
    # 0.5 and 0.1: every redraw is above 0, but over two seeds 0.3 has a standard error of 0.2.
    assert proxies.correlation("cpu").verdict == rule.UNTOLD


def test_people_and_one_person(results):
    text = people.people_figure("cpu").data
    assert "PandaLM, one of the people" in text
    assert "UKPConvArg1, longest" in text
    assert "| reward model |" in people.people_table("cpu", "pandalm").data
    said = people.people_sentence("cpu").data
    assert "*longest*" in said.split("Clearly above nothing:")[1].split(".")[0]
    assert "HH-RLHF" in people.transfer_sentence("cpu").data


def test_only_what_was_run_is_spoken_of(results):
    results["pandalm"] = []
    assert people.available_data("cpu") == ["ukpconvarg1"]
    assert "PandaLM" not in people.people_sentence("cpu").data
    assert people.transfer_sentence("cpu").data == ""
    results["ukpconvarg1"] = []
    with pytest.raises(MissingResults):
        people.people_figure("cpu")


def test_alike_models_are_not_told_apart(results):
    said = judgebench.apart_sentence("cpu").data
    assert "Of 10 comparisons, none survives Holm's correction, and none of the 40" in said
    table = judgebench.comparison_rows("cpu")
    assert (table["value"] >= 0).all()
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    assert "None of 10" in statement.meaning("cpu").data


def test_a_model_far_ahead_is_told_apart(results):
    results["scores"] = [(0, score_tables(apart=True))]
    said = judgebench.apart_sentence("cpu").data
    assert "Of 10 comparisons, 4 survive Holm's correction" in said
    assert judgebench.comparison_rows("cpu")["names"].iloc[0].startswith("m0 less m")


def test_every_part_on_published_scores_is_drawn(results):
    assert "judgebench-apart" in judgebench.told_apart_figure("cpu").data
    assert "coding (30)" in judgebench.task_figure("cpu").data
    for table in (judgebench.power_table, committees.error_table):
        assert "m0" in table("cpu").data
    assert "weighted gaps" in committees.committee_table("cpu").data


def test_the_number_of_comparisons_is_counted(results):
    tables = results["scores"][0][1]
    results["scores"] = [(0, {**tables, "power": tables["power"].iloc[:6]})]
    text = judgebench.told_apart_figure("cpu").data
    assert "before any correction for 6 tests" in text
    assert "6 dots with intervals: m" in text
    assert "Holm's correction over 6;" in judgebench.power_table("cpu").data


def test_a_committee_is_said_to_gain_only_where_it_does(results):
    single = "the best single model, whose lead was found on the same pairs"
    said = {
        -0.02: f"No committee is clearly better than {single} (closest: weighted gaps 3.0 [−2.0, "
        "6.0] points).",
        0.01: f"Clearly better than {single}: weighted gaps 3.0 [1.0, 6.0]; majority of the five "
        "2.0 [1.0, 6.0] points.",
    }
    tables = results["scores"][0][1]
    # BEST_SINGLE is no committee, however it does.
    names = [MAJORITY, MEAN_GAP, STACKED, BEST_SINGLE]
    assert tables["committees"]["committee"].tolist() == names
    for low, expected in said.items():
        lows = [low, -0.05, low, 0.3]
        changed = tables["committees"].assign(
            difference=[0.02, -0.01, 0.03, 0.5], difference_low=lows, difference_high=0.06
        )
        results["scores"] = [(0, {**tables, "committees": changed})]
        text = committees.committee_sentence("cpu").data
        assert text.startswith(f"{expected} The errors of two models agree with a kappa of ")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ray2333/GRM-Gemma-2B-rewardmodel-ft", "GRM-Gemma-2B"),
        ("Skywork/Skywork-Reward-Llama-3.1-8B", "Skywork-Llama-3.1-8B"),
        ("internlm/internlm2-20b-reward", "internlm2-20b"),
    ],
)
def test_short_names(name, expected):
    assert judgebench.short(name) == expected


def test_what_it_means_needs_some_result(results):
    assert statement.meaning("cpu").data.count("\n- ") == 3  # four points
    results["world"] = []
    for cached in (rows.kept_draws, rows.sharding, rows.pooled, rows.scorers):
        cached.cache_clear()
    assert statement.meaning("cpu").data.count("**") == 4  # people, and who can be told apart
    results.update(pandalm=[], ukpconvarg1=[], scores=[])
    with pytest.raises(MissingResults):
        statement.meaning("cpu")
