"""The page on DPO and data quality, and the rows that all pages on alignment share."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from proxylab.pages import alignment_curves, alignment_rows, alignment_settings
from proxylab.pages.dpo import held_out, policies, quality, robustness, statement, training
from proxylab.pages.verdicts import HIGHER, LOWER, NOISE, ONE_SEED
from proxylab.results import MissingResults
from proxylab.studies.alignment.arms import Arm

PAGE = (alignment_rows, alignment_curves, policies, quality, robustness, held_out)
SUBSETS = np.array(["harmless-base", "helpful-base", "helpful-online", "helpful-rejection-sampled"])
WORDINGS = ("as asked", "misspelt", "shortened", "chatty", "rude")
GOLD = {"": 0.0, "raw": 0.5, "raw_as_few": 0.4, "cleaned": 0.9}
SETTINGS = {"optimiser": {"learning_rate": 0.003}, "batch_size": 32, "epochs": 1.0}


def arm_tables(arm, seed, *, n=40, noise=0.01, leave_out=()):
    """The tables of one arm: gold as in GOLD, and a loss of 0.2 by any other wording if cleaned."""
    rng = np.random.default_rng([seed, len(arm.name)])
    gold = GOLD[arm.pairs] + noise * rng.normal(size=n)
    prompt, subset = np.arange(n), SUBSETS[np.arange(n) % 4]
    topic = np.where(prompt < 10, "kitchen", "museum")
    evaluation = pd.DataFrame(
        {
            "prompt": prompt,
            "subset": subset,
            "shifted": np.isin(topic, leave_out),
            "gold": gold,
            "kl": 2.0,
            "n_tokens": 12.0,
        }
    )
    loss = 0.2 * (arm.pairs == "cleaned")
    perturbed = [
        pd.DataFrame({"prompt": prompt, "subset": subset, "wording": name, "gold": gold - change})
        for name in WORDINGS
        for change in [0.0 if name == "as asked" else 0.1 + loss]
    ]
    category = np.array(["Same", "Opposite", "Toxic", "Repetitive"])[prompt % 4]
    # Raw labels are followed everywhere, cleaned ones only where they are right.
    follows = (category == "Same") | (arm.pairs != "cleaned")
    margin = np.where(category == "Repetitive", 0.0, np.where(follows, 1.0, -1.0))
    preference = pd.DataFrame({"subset": subset, "category": category, "margin": margin})
    tables = {
        "evaluation": evaluation,
        "perturbed": pd.concat(perturbed, ignore_index=True),
        "preference": preference,
    }
    if arm.pairs:
        last = 20 + 2 * seed  # seeds differ in how many steps they took
        steps = [evaluation.assign(step=step, gold=gold * step / last) for step in (0, 10, last)]
        tables["measured"] = pd.concat(steps, ignore_index=True)
        counts = {"n_pairs": 60, "n_steps": last, "seconds": 3.0, "n_trained_parameters": 1000}
        tables["arms"] = pd.DataFrame([counts])
    return {name: table.assign(**arm.columns()) for name, table in tables.items()}


def made_up_run(
    algorithm="dpo", seed=0, labels=("raw", "raw_as_few", "cleaned"), leave_out=(), **more
):
    """A run as `load_runs` gives it, of the start policy and these labels."""
    sizes = more.pop("sizes", ("standard",))
    arms = [Arm("start", size) for size in sizes]
    arms += [Arm(algorithm, size, pairs) for size in sizes for pairs in labels]
    parts = [arm_tables(arm, seed, leave_out=leave_out, **more) for arm in arms]
    names = dict.fromkeys(name for part in parts for name in part)
    tables = {
        name: pd.concat([part[name] for part in parts if name in part], ignore_index=True)
        for name in names
    }
    parameters = {
        "algorithm": algorithm,
        "seed": seed,
        "task": "mixed",
        "data": "world",
        "leave_out": list(leave_out),
        "betas": [],
    }
    record = {"tables": tables, "resolved_profile": {"alignment": {algorithm: SETTINGS}}}
    return SimpleNamespace(
        run_id=f"{algorithm}-{seed}-{'-'.join(labels)}-{'-'.join(leave_out)}",
        parameters=parameters,
        record=record,
        table=tables.__getitem__,
    )


@pytest.fixture
def use(monkeypatch):
    """Puts made-up runs in the place of recorded ones."""

    def put(*runs):
        def load(notebook, *, profile=None, where=None):
            chosen = [run for run in runs if fits(run.parameters, where or {})]
            if not chosen:
                raise MissingResults(notebook, profile=profile, where=where)
            return chosen

        for module in (alignment_rows, alignment_settings):
            monkeypatch.setattr(module, "load_runs", load)

    return put


def fits(parameters, where):
    """As `load_runs` has it."""
    return all(
        wanted(parameters[name])
        if callable(wanted)
        else list(wanted) == parameters[name]
        if isinstance(wanted, tuple)
        else wanted == parameters[name]
        for name, wanted in where.items()
    )


def three_seeds(**options):
    return [made_up_run(seed=seed, **options) for seed in range(3)]


# --- what the pages on alignment share


def test_an_arm_that_two_runs_made_counts_once(use):
    use(made_up_run(labels=("raw",)), made_up_run(labels=("raw", "cleaned")))
    rows = alignment_rows.align_table("smoke", "evaluation", "dpo")
    # Start policy, raw, cleaned: 40 prompts each, though both runs have the first two.
    assert rows.groupby("arm").size().to_dict() == {"": 40, "raw": 40, "cleaned": 40}
    assert rows.loc[rows["arm"] == "", "algorithm"].unique().tolist() == ["start"]


def test_runs_that_left_topics_out_are_kept_apart(use):
    use(made_up_run(), made_up_run(leave_out=("kitchen",)))
    whole = alignment_rows.align_table("smoke", "evaluation", "dpo")
    part = alignment_rows.align_table("smoke", "evaluation", "dpo", left_out=True)
    assert not whole["shifted"].any()
    assert set(part["topics_left_out"]) == {"kitchen"}


def test_a_table_that_no_run_has_is_missing_and_not_an_error(use):
    use(made_up_run())
    with pytest.raises(MissingResults, match="no finished run of align"):
        alignment_rows.align_table("smoke", "choices", "dpo")


def test_differences_are_paired_by_prompt():
    index = pd.MultiIndex.from_product([[0, 1], range(5)], names=["seed", "prompt"])
    hard = np.tile(np.arange(5.0), 2)  # prompts differ by far more than the policies
    table = pd.DataFrame({"a": hard + 0.1, "b": hard}, index=index)
    table.loc[(0, 0), "a"] = np.nan
    found = alignment_rows.differences(table, {"a − b": ("a", "b"), "a − c": ("a", "c")})
    assert found["comparison"].tolist() == ["a − b"]  # there is no column c
    row = found.iloc[0]
    # Every difference is 0.1 whatever is redrawn; one of ten has no partner.
    assert (row["value"], row["low"], row["high"]) == pytest.approx((0.1, 0.1, 0.1))
    assert (row["n"], row["n_seeds"], row["n_above"]) == (9, 2, 2)


def test_completions_of_a_prompt_count_once():
    rows = pd.DataFrame(
        {"seed": 0, "prompt": [0, 0, 1], "arm": "x", "outcome": [1.0, -1.0, 1.0]},
    )
    # Prompt 0 is a draw, prompt 1 a win: 1/2, not 1/3.
    assert alignment_rows.estimates(alignment_rows.cells(rows, "outcome"))["value"][0] == 0.5


def test_seeds_of_unlike_length_end_together():
    frames = [
        pd.DataFrame({"seed": seed, "prompt": 0, "arm": "x", "step": [0, 10, last], "gold": gold})
        for seed, last, gold in ((0, 20, [0.0, 1.0, 2.0]), (1, 26, [0.0, 3.0, 4.0]))
    ]
    found = alignment_rows.checkpoints(pd.concat(frames), "gold", "arm")
    # The ends, 2 and 4, are averaged at the mean of steps 20 and 26.
    assert found["step"].tolist() == [0, 10, 23]
    assert found["value"].tolist() == [0, 2, 3]


def test_a_step_that_one_seed_lacks_is_left_out():
    frames = [
        pd.DataFrame({"seed": 0, "prompt": 0, "arm": "x", "step": [0, 10, 20], "gold": 1.0}),
        pd.DataFrame({"seed": 1, "prompt": 0, "arm": "x", "step": [0, 12], "gold": 1.0}),
    ]
    found = alignment_rows.checkpoints(pd.concat(frames), "gold", "arm")
    assert found["step"].tolist() == [0, 16]  # 10 is seed 0's alone; 20 and 12 are the ends


def test_mixed_holds_every_prompt_once(use):
    use(*three_seeds())
    rows = policies.policy_rows("smoke", "evaluation")
    found = alignment_rows.by_set(rows, alignment_rows.estimates, "gold", "policy")
    raw = found[found["name"] == "DPO on raw"].set_index("subset")["n"]
    assert raw["mixed"] == raw.drop("mixed").sum() == 3 * 40


def test_few_seeds_are_said_to_be_few():
    assert "one seed" in alignment_rows.seeds_caution(pd.DataFrame({"seed": [4, 4]}))
    assert "3 seeds" in alignment_rows.seeds_caution(pd.DataFrame({"seed": [0, 1, 2]}))
    assert alignment_rows.seeds_caution(pd.DataFrame({"seed": range(10)})) == ""


def test_settings_stand_beside_the_papers(use):
    use(made_up_run())
    text = alignment_settings.settings_table("smoke", "dpo", {"sizes": "two"}, label="x").data
    assert "| learning rate | 1e-5 | 0.003 |" in text
    assert "| batch size | 16 | 32 |" in text
    assert "| sizes | – | two |" in text  # the paper states no such thing


# --- policies and table 2


def test_dpo_on_a_proxys_labels_belongs_to_another_page(use):
    arm = Arm("dpo", "standard", "by_proxy", "strong", "none", 0.1)
    run = made_up_run()
    table = run.table("evaluation")
    own = table[table["pairs"] == "raw"].assign(**arm.columns())
    run.record["tables"]["evaluation"] = pd.concat([table, own], ignore_index=True)
    use(run)
    names = policies.policy_rows("smoke", "evaluation")["policy"].unique().tolist()
    assert names == ["start policy", "DPO on raw", "DPO on as few raw", "DPO on cleaned"]


def test_sft_stands_between_start_and_dpo_where_it_was_run(use):
    use(made_up_run(), made_up_run("sft", labels=("raw", "cleaned")))
    rows = policies.policy_rows("smoke", "evaluation", with_sft=True)
    names = rows["policy"].unique().tolist()
    assert names[:3] == ["start policy", "SFT on raw", "SFT on cleaned"]
    # The start policy is in both algorithms' runs, and counts once.
    assert (rows["policy"] == "start policy").sum() == 40


def test_gains_are_those_that_were_put_in(use):
    use(*three_seeds(sizes=("standard", "small")))
    found = quality.gains("smoke").set_index(["size", "subset", "comparison"])
    assert len(found) == 2 * 5 * 3  # sizes, four sets and mixed, comparisons
    helps = found.loc[("standard", "mixed", policies.HELPS)]
    assert helps["value"] == pytest.approx(0.4, abs=0.02)  # 0.9 - 0.5
    assert helps["verdict"] == HIGHER
    fewer = found.loc[("small", "mixed", policies.FEWER)]
    assert fewer["value"] == pytest.approx(-0.1, abs=0.02)  # 0.4 - 0.5
    assert fewer["verdict"] == LOWER


def test_the_papers_gains_are_those_of_table_2():
    found = quality.paper_gains().set_index(["model", "subset"])["gain"]
    assert found["Pythia-2.8B", "harmless-base"] == pytest.approx(0.8)  # -9.5 - (-10.3)
    assert found["LLaMA-7B", "mixed"] == pytest.approx(0.3)  # -9.0 - (-9.3)
    assert len(found) == 2 * 3


def test_the_page_says_that_cleaning_helps_and_not_by_number(use):
    use(*three_seeds())
    text = statement.statement("smoke").data
    assert "Cleaning helps, and not through the number of pairs." in text
    assert "Topics left out of training*: not run yet (`python -m proxylab run" in text


def test_a_gain_inside_its_interval_is_called_noise(use, monkeypatch):
    monkeypatch.setitem(GOLD, "cleaned", 0.5)
    use(*three_seeds(noise=0.3))
    text = statement.statement("smoke").data
    assert "inside the noise" in text
    assert "That cleaning helps is not shown here." in text


def test_one_seed_is_not_judged(use):
    use(made_up_run())
    found = quality.gains("smoke")
    assert set(found["verdict"]) == {ONE_SEED}
    text = statement.statement("smoke").data
    assert "one seed, not judged" in text
    assert "Cleaning helps" not in text


def test_a_page_without_the_cleaned_arm_says_so(use):
    use(*three_seeds(labels=("raw",)))
    assert quality.gains("smoke").empty
    assert "have not both been run" in statement.statement("smoke").data
    assert "nothing to compare yet" in quality.gain_figure("smoke", label="x").data
    assert "have not both been run" in robustness.drop_figure("smoke", label="x").data


def test_tables_and_figures_of_quality(use):
    use(*three_seeds(sizes=("standard", "small")), made_up_run("sft", labels=("raw",)))
    text = quality.gold_table("smoke", "standard", label="x").data
    # A heading, a rule, and start, SFT, three of DPO.
    assert text.count("\n|") == 1 + 5
    assert "Size: standard (1,000 parameters)" in text
    assert "n = 120 prompts" in quality.gain_figure("smoke", label="x").data
    assert "| 3 of 3 |" in quality.gain_table("smoke", "small", label="x").data
    paper = quality.paper_table_2("smoke", label="x").data
    assert "| −10.3 | −9.5 | +0.8 |" in paper
    assert "ours, small" in paper
    sentence = quality.paper_sentence("smoke").data
    assert "gains on 6 of 6 pairs of model and test set, by 0.3 to 0.8" in sentence
    assert "Here it gains on 6 of 6 such pairs; after Holm's correction 6" in sentence


def test_curves_and_costs(use):
    use(*three_seeds(), made_up_run("sft", labels=("raw",)))
    text = training.curve_figure("smoke", label="x").data
    # Seeds end at steps 20, 22 and 24 with the gold reward of GOLD, which starts at 0.
    assert "standard size, raw: gold 0.50 at step 22." in text
    cost = training.cost_table("smoke", label="x").data
    assert "| standard | DPO on raw | 60 | 22 | 3 |" in cost.replace("\\", "")


# --- robustness


def test_the_change_by_a_wording_is_less_the_gold_as_asked(use):
    use(*three_seeds())
    found = robustness.drops("smoke").set_index(["wording", "comparison"])
    assert len(found) == (4 + 1) * 2  # wordings and all of them; raw, and as few
    # Cleaned loses 0.3 by any wording and raw 0.1, whatever their level.
    row = found.loc[(robustness.ALL_WORDINGS, policies.HELPS)]
    assert row["value"] == pytest.approx(-0.2)
    assert row["verdict"] == LOWER
    assert "differs by −0.20" in statement.statement("smoke").data


def test_gold_by_wording(use):
    use(*three_seeds())
    text = robustness.wording_table("smoke", "standard", label="x").data
    assert "| as asked | misspelt | shortened | chatty | rude |" in text
    assert (
        "standard, rude, cleaned − raw: −0.20." in robustness.drop_figure("smoke", label="x").data
    )


def test_shifted_topics_are_compared_where_they_were_left_out(use):
    runs = [made_up_run(seed=seed, leave_out=("kitchen",)) for seed in range(3)]
    use(*three_seeds(), *runs)
    found = robustness.shifts("smoke").set_index(["topics", "comparison"])
    assert found.loc[(robustness.LEFT_OUT, policies.HELPS), "n"] == 3 * 10  # prompts 0 to 9
    assert found.loc[(robustness.TRAINED, policies.HELPS), "n"] == 3 * 30
    text = robustness.shift_table("smoke", label="x").data
    assert "DPO without some topics (kitchen)" in text
    assert "gold reward on these topics differs by +0.4" in statement.statement("smoke").data


def test_following_a_label_and_margins_of_zero(use):
    use(*three_seeds())
    found = held_out.follow_rows("smoke").set_index(["category", "policy"])
    raw, cleaned = found.loc[("Opposite", "DPO on raw")], found.loc[("Opposite", "DPO on cleaned")]
    assert (raw["value"], cleaned["value"]) == (1.0, 0.0)
    assert raw["n"] == 3 * 10
    assert raw["low"] == pytest.approx(1 / (1 + 1.959964**2 / 30))  # Wilson at 30 of 30
    repetitive = found.loc[("Repetitive", "DPO on raw")]
    # Two replies that are the same cannot be put in order: undefined, and counted.
    assert np.isnan(repetitive["value"])
    assert (repetitive["n"], repetitive["n_tied"]) == (0, 30)


def test_not_following_wrong_labels_is_said_in_points(use):
    use(*three_seeds())
    found = held_out.follow_differences("smoke").set_index(["category", "comparison"])
    assert found.loc[("Opposite", policies.HELPS), "value"] == -1.0
    assert found.loc[("Same", policies.HELPS), "verdict"] == NOISE  # both follow all of them
    text = statement.statement("smoke").data
    assert "Opposite pairs (following is a fault): −100.00 [−100.00, −100.00] (less)" in text
    assert "Repetitive" in held_out.follow_table("smoke", label="x").data
    figure = held_out.follow_figure("smoke", label="x").data
    assert "Toxic, DPO on raw: 100 %." in figure
    assert "Repetitive, DPO on" not in figure
