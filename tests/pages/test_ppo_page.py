"""The PPO page and the SHF-CAS page's PPO arm, on made-up runs of a temporary results folder."""

import math
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from proxylab.alignment.ppo.details import DETAILS
from proxylab.evaluate import rank_agreement
from proxylab.pages import alignment_rows
from proxylab.pages.ppo import convergence, details, figures, finding, outcomes, slopes, training
from proxylab.pages.ppo import rows as ppo_rows
from proxylab.pages.shf_cas import trained_policy
from proxylab.profiles import load_profile
from proxylab.results import MissingResults, start_run
from proxylab.runs import Align, VerifyOptimisers

ROOT = Path(__file__).parents[2]
PROFILE = load_profile("smoke", root=ROOT)
SUBSETS = ("harmless-base", "helpful-base", "helpful-online", "helpful-rejection-sampled")
# Of each proxy: accuracy, final gold reward, reward at the end of training. The reward in training
# orders the four proxies exactly the wrong way round; accuracy orders them as gold does.
WORTH = {
    "raw@0.1": (0.5, 0.10, 4.0),
    "raw": (0.6, 0.20, 3.0),
    "cleaned": (0.7, 0.30, 2.0),
    "strong": (0.8, 0.40, 1.0),
    "gold": (1.0, 0.90, 0.5),
}
POOREST = alignment_rows.PROXIES["raw@0.1"]
N_PROMPTS, N_STEPS = 40, 20
VERIFIED = {"betas": (1.0,), "n_pairs": 400, "n_steps": 4}  # as the profile's batch has it
PAGE = (alignment_rows, ppo_rows, outcomes, training, slopes, convergence, trained_policy)


@pytest.fixture(autouse=True)
def fresh(monkeypatch, project):
    """Every test has results of its own, and fewer draws than a page."""
    monkeypatch.setattr(outcomes, "N_RESAMPLES", 50)
    folder = project / "data" / "paper"
    folder.mkdir(parents=True)
    (folder / "elephant.csv").write_bytes((ROOT / "data/paper/elephant.csv").read_bytes())
    (project / "profiles").symlink_to(ROOT / "profiles")


def arm(proxy, **changed):
    columns = {"arm": proxy, "size": "standard", "pairs": "", "proxy": proxy}
    columns |= {"bias": "none" if proxy else "", "set_beta": 0.1 if proxy else 0.0}
    return columns | changed


def evaluation(proxy, gold, seed, n=N_PROMPTS, **changed):
    """Prompts of very different worth, the same for every policy of the seed."""
    level = np.random.default_rng(seed).normal(size=n)
    level -= level.mean()
    table = {"prompt": np.arange(n), "subset": np.array(SUBSETS, object)[np.arange(n) % 4]}
    table |= {"gold": gold + level, "kl": 2.0 if proxy else 0.0, "reward": 1.0}
    return pd.DataFrame(table).assign(**arm(proxy, **changed))


def steps_of(proxy, reward):
    step = np.arange(1, N_STEPS + 1)
    facts = {"loss": 1 / step, "reward": reward * step / N_STEPS, "gold": 0.1, "kl": step / 10}
    facts |= {"entropy": 1.0, "n_tokens": 9.0, "clip_fraction": 0.1, "explained_variance": 0.5}
    return pd.DataFrame({"step": step, **facts}).assign(**arm(proxy))


def judged_rows(proxy, accuracy, n=10):
    right = (np.arange(n) < round(accuracy * n)).astype(float)
    frames = [
        pd.DataFrame({"subset": subset, "right": right, "judged": judged})
        for judged in ("pairs", "completions")
        for subset in SUBSETS
    ]
    return pd.concat(frames).assign(**arm(proxy))


def wins_of(proxy, won):
    """Two replies a prompt; of ten prompts `won` win with both, one ties, the rest lose."""
    prompt = np.arange(N_PROMPTS)
    outcome = np.where(prompt % 10 < won, 1.0, np.where(prompt % 10 == 9, 0.0, -1.0))
    rows = {"prompt": np.repeat(prompt, 2), "outcome": np.repeat(outcome, 2)}
    return pd.DataFrame(rows).assign(subset=SUBSETS[0], **arm(proxy))


def mixed_tables(seed, worth=WORTH):
    parts = worth.items()
    return {
        "evaluation": [evaluation("", 0.0, seed)]
        + [evaluation(name, gold, seed) for name, (_, gold, _) in parts],
        "steps": [steps_of(name, reward) for name, (_, _, reward) in parts],
        "proxies": [judged_rows(name, accuracy) for name, (accuracy, _, _) in parts],
        "wins": [wins_of("", 2), *(wins_of(name, 2 + i) for i, name in enumerate(worth))],
    }


def record(tables, notebook="align", **parameters):
    settings = (Align if notebook == "align" else VerifyOptimisers)(profile="smoke", **parameters)
    run = start_run(notebook, settings, profile=PROFILE)
    for name, parts in tables.items():
        run.save_table(name, pd.concat(parts, ignore_index=True))
    run.finish()


@pytest.fixture
def three_seeds():
    for seed in range(3):
        record(mixed_tables(seed), seed=seed)


def test_proxies_come_from_the_poorest_and_the_start_policy_before_them(three_seeds):
    names = dict.fromkeys(ppo_rows.ppo_rows("smoke", "evaluation")["name"])
    assert list(names) == [
        "start policy",
        POOREST,
        "raw",
        "cleaned",
        "strong",
        "gold itself",
    ]


def test_biased_arms_other_sizes_and_named_coefficients_are_no_part_of_the_page(three_seeds):
    other = [evaluation("strong", 9.0, 0, bias="length_bias=0.2", arm="biased")]
    other += [evaluation("strong", 9.0, 0, size="small", arm="small")]
    record({"evaluation": other}, seed=0, biases=("length_bias=0.2",))
    record({"evaluation": [evaluation("strong", 9.0, 0, set_beta=0.4)]}, seed=0, betas=(0.4,))
    rows = ppo_rows.ppo_rows("smoke", "evaluation")
    assert rows["gold"].max() < 5
    assert len(rows) == 3 * 6 * N_PROMPTS


def test_without_an_arm_the_page_says_what_to_run():
    record({"evaluation": [evaluation("", 0.0, 0)]}, seed=0, biases=("length_bias=0.2",))
    with pytest.raises(MissingResults, match="algorithm ppo"):
        ppo_rows.ppo_rows("smoke", "evaluation")


def test_the_end_of_training_is_the_last_tenth_of_each_arms_steps():
    frame = pd.DataFrame({"seed": 0, "proxy": "a", "step": range(1, 21)})
    short = pd.DataFrame({"seed": 0, "proxy": "b", "step": [1, 2, 3]})
    found = ppo_rows.last_steps(pd.concat([frame, short]))
    assert found["step"].tolist() == [19, 20, 3]  # two of twenty; of three, one


def test_one_number_a_seed_and_arm(three_seeds):
    found = ppo_rows.arms_by_seed("smoke").set_index(["seed", "proxy"])
    row = found.loc[(1, "cleaned")]
    assert row["accuracy"] == row["ordering"] == pytest.approx(0.7)
    assert row["gold"] == pytest.approx(0.3)  # the prompts' own worth has mean 0
    assert row["training_reward"] == pytest.approx(2.0 * (19 + 20) / 2 / 20)
    assert len(ppo_rows.proxies_only(found.reset_index())) == 3 * 4


def test_policies_are_compared_prompt_by_prompt(three_seeds):
    found = outcomes.contrasts("smoke").set_index("comparison")
    row = found.loc[f"strong − {POOREST}"]
    # 0.4 - 0.1 on every prompt; an unpaired interval of prompts with sd 1 could not be this tight.
    assert row[["value", "low", "high"]].tolist() == pytest.approx([0.3] * 3)
    assert (row["n"], row["n_above"], row["verdict"]) == (3 * N_PROMPTS, 3, "higher")
    # Five arms less the start, four less the next poorer, and the strongest less the poorest.
    assert len(found) == 5 + 4 + 1


def test_the_accuracy_of_all_sets_and_of_one(three_seeds):
    found = outcomes.outcome_rows("smoke").set_index(["measure", "subset", "name"])
    assert found.loc[("accuracy", "mixed", "raw"), "value"] == pytest.approx(0.6)
    assert found.loc[("accuracy", "mixed", "raw"), "n"] == 3 * 4 * 10
    assert found.loc[("accuracy", "harmless-base", "raw"), "n"] == 3 * 10
    assert ("accuracy", "mixed", "start policy") not in found.index
    # A policy that followed no reward model has no accuracy, and a gold reward.
    assert "| start policy" not in outcomes.accuracy_table("smoke").data
    assert "| start policy | −" in outcomes.our_table("smoke").data


def test_the_papers_rows_are_those_of_its_tables():
    text = outcomes.paper_table_5().data
    assert "| Starling\\-7B | 75.8 | 79.5 | 78.2 | −7.1 | −7.5 | −7.5 |" in text
    assert "Random guessing" not in text  # it has no policy


def test_wins_are_shares_of_prompts(three_seeds):
    found = outcomes.win_rows("smoke").set_index("name")
    # Of ten prompts the fourth arm wins 5, ties 1 and loses 4.
    row = found.loc["strong"]
    assert row[["win", "tie", "lose"]].tolist() == pytest.approx([0.5, 0.1, 0.4])
    assert row["n"] == 3 * N_PROMPTS
    text = outcomes.win_table("smoke").data
    assert "| Starling\\-7B | human, paper | 80 | 18 | 2 |" in text


def test_rank_agreement_with_gold_is_upside_down_for_the_reward_and_right_for_accuracy(three_seeds):
    found = training.rank_rows("smoke").set_index("ruler")
    reward = found.loc[training.RULERS["training_reward"]]
    accuracy = found.loc[training.RULERS["accuracy"]]
    assert (reward["rho"], accuracy["rho"]) == (-1.0, 1.0)
    assert accuracy["n_arms"] == 4  # the ceiling takes no part
    # Both ways round, in three seeds: 2 / 24^3; Holm multiplies the smallest by the three rulers
    # that are defined (all losses are alike, so they rank nothing).
    assert accuracy["p"] == pytest.approx(3 * 2 / 24**3)
    text = training.rank_sentence("smoke").data
    assert "*mean reward at the end of training* (mean rho −1.00) ranks them upside down" in text
    assert "*accuracy on cleaned test pairs* (mean rho 1.00) ranks them;" in text
    assert "undefined" in text


def test_the_papers_own_accuracy_ranks_its_four_policies_as_their_scores_do():
    # Accuracy 46.3 < 70.2 < 72.0 < 78.2; scores -8.5 < -8.2 < -7.7 < -7.5.
    assert training.paper_agreement().rho == pytest.approx(1.0)
    assert training.paper_agreement().n == 4


def test_the_chance_of_an_agreement_is_counted_over_all_orders():
    # Three arms have six orders: rho 1 once, 0.5 twice, -0.5 twice, -1 once.
    assert training.chance_of([1.0], [3]) == pytest.approx(2 / 6)
    assert training.chance_of([0.5], [3]) == pytest.approx(1.0)
    assert training.chance_of([1.0, -1.0], [3, 3]) == pytest.approx(1.0)  # a mean of 0
    assert math.isnan(training.chance_of([], []))
    assert math.isnan(training.chance_of([1.0], [training.MOST_ARMS + 1]))


def test_the_chance_is_the_share_of_orders_by_brute_force():
    rhos = [rank_agreement(range(4), order).rho for order in permutations(range(4))]
    pairs = np.abs(np.add.outer(rhos, rhos))
    assert training.chance_of([0.8, 0.4], [4, 4]) == pytest.approx(np.mean(pairs >= 1.2 - 1e-6))


def test_one_seed_cannot_be_clear_and_is_said_so():
    record(mixed_tables(0), seed=0)
    text = training.rank_sentence("smoke").data
    # 2 / 24 times three rulers is above 0.05.
    assert "not even a perfect order would be clear" in text
    assert "one seed, which is not judged" in slopes.slope_sentence("smoke").data
    assert "from one seed, not judged" in finding.statement("smoke").data


def test_the_slope_is_gold_for_ten_points_of_accuracy(three_seeds):
    found = slopes.slope_of("smoke", "accuracy")
    # 0.1 of gold for each 0.1 of accuracy, in every seed; with the ceiling it would be steeper.
    assert found.interval.estimate == pytest.approx(0.1)
    assert found.interval.n == 3
    text = slopes.slope_sentence("smoke").data
    assert "over 4 reward models" in text
    assert (
        "*accuracy on cleaned test pairs*: 0.10 [0.10, 0.10] gold reward (of this sign in 3 of 3"
        in (text)
    )
    assert "The ceiling takes no part" in text


def test_a_slope_inside_its_interval_is_called_noise():
    for seed, sign in enumerate((1, -1, 1)):
        worth = {name: (a, sign * g, r) for name, (a, g, r) in WORTH.items()}
        record(mixed_tables(seed, worth), seed=seed)
    assert "inside the noise" in slopes.slope_sentence("smoke").data


def test_the_statement_follows_from_the_tables(three_seeds):
    text = finding.statement("smoke").data
    assert f"From *{POOREST}* (50.0 % of cleaned test pairs right) to *strong* (80.0 %)" in text
    assert "changes by 0.30 [0.30, 0.30]: higher" in text
    assert "a rank correlation of −1.00 with the final gold reward (beyond chance)" in text
    assert "*strong* 50 % to 40 %" in text
    assert "There are 3 seeds" in text


def test_the_statement_stands_where_the_datas_reply_cannot_be_judged():
    for seed in range(2):
        tables = mixed_tables(seed)
        del tables["wins"]
        record(tables, seed=seed)
    text = finding.statement("smoke").data
    assert "Against the data's chosen reply" not in text
    assert "What training shows" in text


def test_equal_policies_are_noise():
    rng = np.random.default_rng(0)
    for seed in range(3):
        tables = mixed_tables(seed, {name: (a, 0.1, r) for name, (a, _, r) in WORTH.items()})
        for table in tables["evaluation"]:
            table["gold"] += rng.normal(size=N_PROMPTS)
        record(tables, seed=seed)
    assert set(outcomes.contrasts("smoke")["verdict"]) == {"noise"}
    assert "inside the noise" in finding.statement("smoke").data


def test_a_missing_arm_is_left_out_everywhere():
    worth = {name: WORTH[name] for name in ("raw", "cleaned")}
    for seed in range(2):
        record(mixed_tables(seed, worth), seed=seed)
    text = finding.statement("smoke").data
    assert "have not both been run" in text
    assert "*raw*" in text
    draw_page()


def test_the_page_draws_and_writes_with_one_proxy_and_one_seed():
    record(mixed_tables(0, {"raw": WORTH["raw"]}), seed=0)
    draw_page()
    assert "nothing to rank" in training.rank_sentence("smoke").data
    assert "undefined" in slopes.slope_sentence("smoke").data


def draw_page():
    parts = (
        outcomes.accuracy_table,
        outcomes.our_table,
        outcomes.win_table,
        outcomes.contrast_table,
    )
    parts += (training.training_figure, training.course_figure)
    parts += (training.rank_table, slopes.slope_figure, details.scale_sentence)
    for part in parts:
        text = part("smoke").data
        assert "nan" not in text


def test_the_moving_average_starts_at_the_first_value_and_bands_hold_the_seeds():
    frames = [
        pd.DataFrame({"seed": seed, "proxy": "raw", "name": "raw", "step": range(1, 41), "x": x})
        for seed, x in ((0, 1.0), (1, 3.0))
    ]
    longer = frames[1].tail(1).assign(step=41)  # a step that seed 0 never took
    found = figures.smoothed(pd.concat([*frames, longer]), "x")
    assert found["step"].max() == 40
    assert found[["raw", "value", "low", "high"]].drop_duplicates().to_numpy().tolist() == [
        pytest.approx([2.0, 2.0, 1.0, 3.0])
    ]


def test_names_at_the_lines_ends_do_not_lie_on_each_other():
    figure = Figure()
    steps = pd.concat(steps_of(name, 1.0).assign(seed=0, name=name, proxy=name) for name in WORTH)
    figures.training_panels(figure, steps, {"reward": "reward"}, n_columns=1, named_at_end=True)
    heights = sorted(text.xy[1] for text in figure.axes[0].texts)
    assert len(heights) == 5
    assert np.diff(heights).min() > figures.MIN_GAP - 1e-9
    assert heights[-1] < 1 + figures.MIN_GAP


def test_every_detail_is_listed_with_the_value_that_was_run(three_seeds):
    text = details.details_table("smoke").data
    assert text.count("\n| ") == len(DETAILS)
    assert "clip range: 0.2" in text
    assert "as a recorded run had it" in text
    settings, recorded = details.settings_used("smoke")
    assert recorded
    assert settings.n_steps == PROFILE.alignment.ppo.n_steps
    optimiser = next(line for line in text.splitlines() if "epsilon 1e" in line)
    assert "learning rate 0.001" in optimiser


def test_the_details_are_there_before_anything_is_run():
    assert "nothing is run yet" in details.details_table("smoke").data
    assert details.scale_sentence("smoke").data.startswith("Nothing is run yet")


# --- are the optimisers right


def converging(seed, left):
    """PPO and DPO go from 2 nats to `left` of that; the drawn answers need no steps."""
    frames = []
    for algorithm, steps in (("dpo", (0, 20)), ("ppo", (0, 50)), ("reweighting", (2, 4))):
        for beta in (0.5, 1.0):
            distance = [2.0, 2.0 * left * (1 + seed)]
            rows = {"step": steps, "kl_to_optimum": distance, "kl_start": 2.0, "outside": 0.01}
            frames.append(pd.DataFrame(rows).assign(algorithm=algorithm, set_beta=beta))
    return {"convergence": frames}


def test_the_share_of_the_distance_that_is_left():
    for seed in range(2):
        record(converging(seed, 0.1), "verify_optimisers", seed=seed, **VERIFIED)
    found = convergence.ends(convergence.convergence_rows("smoke"))
    assert found["algorithm"].tolist() == ["ppo", "ppo", "dpo", "dpo", "reweighting", "reweighting"]
    assert found["set_beta"].tolist() == [1.0, 0.5] * 3
    assert found["share"].tolist() == pytest.approx([0.15] * 6)  # 10 and 20 per cent
    assert found["worst"].tolist() == pytest.approx([0.2] * 6)
    assert found["nearer"].tolist() == [2] * 6
    text = convergence.convergence_sentence("smoke").data
    assert "PPO ends nearer to it than it started in 4 of 4 runs; at worst 20.0 %" in text


def test_an_optimiser_that_gets_away_is_said_to():
    record(converging(0, 1.5), "verify_optimisers", seed=0, **VERIFIED)
    text = convergence.convergence_sentence("smoke").data
    assert "PPO ends nearer to it than it started in 0 of 2 runs; at worst 150.0 %" in text
    assert "ppo-convergence" in convergence.convergence_figure("smoke").data
    assert "150.0" in convergence.convergence_table("smoke").data


# --- the SHF-CAS page's PPO arm


GAINS = {"task": 0.0, "shf_cas:random": 0.1, "shf_cas:conflict": 0.3, "shf_cas:oracle": 0.1}


def safety_runs(seed, gains=None):
    gains = GAINS if gains is None else gains
    rng = np.random.default_rng(seed)
    tables = [evaluation("", -1.0, seed)] + [evaluation(n, g, seed) for n, g in gains.items()]
    for table in tables:
        table["gold"] += 0.02 * rng.normal(size=N_PROMPTS)
    record({"evaluation": tables}, seed=seed, task="safety", proxies=tuple(gains))
    choices = []
    for strength in (0.5, 1.9, 3.0):
        for name, gain in gains.items():
            if name == "task" and strength == 3.0:
                continue  # ties: the proxy itself ends before so large a KL
            own = evaluation(name, strength + gain, seed, n=10).assign(strength=strength)
            choices.append(own.assign(gold=own["gold"] + 0.02 * rng.normal(size=10)))
    record({"choices": choices}, seed=seed, task="safety", algorithm="reweighting")


def test_a_trained_policy_is_compared_with_random_feedback_beside_the_exact_optimum():
    for seed in range(3):
        safety_runs(seed)
    found = trained_policy.contrast_rows("smoke").set_index(["method", "comparison"])
    row = found.loc[("PPO", "conflict − random")]
    assert row["value"] == pytest.approx(0.2, abs=0.01)
    assert (row["verdict"], row["n"], row["n_above"]) == ("higher", 3 * N_PROMPTS, 3)
    assert found.loc[("PPO", "oracle − random"), "verdict"] == "noise"
    exact = found.loc[("exact optimum", "conflict − random")]
    assert exact["value"] == pytest.approx(0.2, abs=0.03)
    assert exact["n"] == 3 * 10
    # PPO spends 2 nats: 1.9 is the nearest strength.
    assert set(trained_policy.exact_rows("smoke")["strength"]) == {1.9}
    text = trained_policy.trained_sentence("smoke").data
    assert "*conflict − random*: by PPO 0.197 [0.191, 0.203], which is higher;" in text
    assert "which is inside the noise" in text
    table = trained_policy.policy_table("smoke").data
    assert "a mean KL of 1.90 nats" in table
    assert table.splitlines()[2].startswith("| start policy")


def test_a_strength_that_one_proxy_does_not_reach_is_not_used(monkeypatch):
    safety_runs(0)
    far = trained_policy.policy_rows("smoke").assign(kl=3.0)
    monkeypatch.setattr(trained_policy, "policy_rows", lambda profile: far)
    assert set(trained_policy.exact_rows("smoke")["strength"]) == {1.9}


def test_the_ppo_arm_stands_alone_where_the_exact_optimum_was_not_run():
    gains = {"shf_cas:random": 0.1, "shf_cas:conflict": 0.3}
    tables = [evaluation(name, gain, 0) for name, gain in gains.items()]
    record({"evaluation": tables}, seed=0, task="safety", proxies=tuple(gains))
    found = trained_policy.contrast_rows("smoke")
    assert found[["method", "comparison"]].to_numpy().tolist() == [["PPO", "conflict − random"]]
    assert found["verdict"].tolist() == ["one seed"]
    parts = (trained_policy.contrast_figure, trained_policy.contrast_table)
    for part in (*parts, trained_policy.policy_table, trained_policy.trained_sentence):
        assert "nan" not in part("smoke").data


def test_without_a_run_of_the_task_the_section_says_what_to_run(three_seeds):
    with pytest.raises(MissingResults, match="task safety"):
        trained_policy.policy_table("smoke")
