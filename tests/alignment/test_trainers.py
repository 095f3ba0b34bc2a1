"""What SFT, DPO and PRO promise alike, and what is each one's own."""

import copy
import math

import numpy as np
import pandas as pd
import pytest
import torch
from proxylab.alignment import (
    DPOSettings,
    LanguageModelPolicy,
    LoraSettings,
    Monitor,
    OptimiserSettings,
    PROSettings,
    SFTSettings,
    pro_total_loss,
    train_dpo,
    train_pro,
    train_sft,
    with_lora,
)
from proxylab.alignment.training import FittingSettings, planned_batches
from proxylab.rewards.groups import RankedGroup
from proxylab.rewards.nulls import LongestReward

ASK, WHY = "\n\nHuman: tell me\n\nAssistant:", "\n\nHuman: why tell me why\n\nAssistant:"
PAIRS = pd.DataFrame(
    {
        "prompt": [ASK, WHY] * 6,
        "chosen": ["red blue", "north"] * 6,
        "rejected": ["green", "south yes no"] * 6,
    }
)
GROUPS = [
    RankedGroup(ASK, ("red blue", "green", "no"), (0.5, 2.0, -1.0)),
    RankedGroup(WHY, ("north", "south yes no"), (1.0, 0.0)),
    RankedGroup(WHY, ("north", "south", "red"), (1.0, 1.0, float("nan"))),  # no comparison
    RankedGroup(ASK, ("yes", "no", "red"), (1.0, float("nan"), 0.0)),
]
QUICK = {"seed": 3, "epochs": 4, "optimiser": OptimiserSettings(learning_rate=1e-2)}
TRAINERS = {
    "sft": (train_sft, PAIRS, SFTSettings(batch_size=4, **QUICK)),
    "dpo": (train_dpo, PAIRS, DPOSettings(batch_size=4, **QUICK)),
    "pro": (train_pro, GROUPS, PROSettings(batch_size=2, **QUICK | {"epochs": 6})),
}
LORA = LoraSettings(rank=2, alpha=4)
MONITOR = Monitor((ASK, WHY), proxy=LongestReward(), n_samples=2, max_new_tokens=4, n_checkpoints=3)


def weights(policy):
    return {name: value.clone() for name, value in policy.model.state_dict().items()}


def logprobs(policy, responses):
    return policy.logprob(PAIRS["prompt"].tolist(), responses.tolist())


def equal(first, second):
    return all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.fixture(params=TRAINERS)
def trainer(request):
    return TRAINERS[request.param]


def test_the_given_policy_stays_as_it_is(trainer, policy):
    train, signal, settings = trainer
    before = weights(policy)
    aligned = train(policy, signal, settings, monitor=MONITOR)
    assert equal(before, weights(policy))
    assert all(p.grad is None and p.requires_grad for p in policy.model.parameters())
    assert not equal(before, weights(aligned.policy))
    assert aligned.policy.name == settings.algorithm


def test_a_seed_names_the_run_bit_for_bit(trainer, policy):
    train, signal, settings = trainer
    runs = []
    for seed, noise, monitor in ((3, 1, None), (3, 2, MONITOR), (4, 1, None)):
        torch.manual_seed(noise)  # neither this nor being watched may matter
        changed = settings.model_copy(update={"seed": seed})
        runs.append(train(policy, signal, changed, monitor=monitor))
    first, again, other = runs
    pd.testing.assert_frame_equal(first.history.steps, again.history.steps, check_exact=True)
    assert equal(weights(first.policy), weights(again.policy))
    assert not equal(weights(first.policy), weights(other.policy))


def test_the_loss_falls_and_every_step_is_logged(trainer, policy):
    train, signal, settings = trainer
    steps = train(policy, signal, settings).history.steps
    assert steps["step"].tolist() == list(range(1, len(steps) + 1))
    assert steps["loss"].iloc[-3:].mean() < 0.8 * steps["loss"].iloc[0]
    assert np.isfinite(steps.to_numpy()).all()
    assert (steps["gradient_norm"] > 0).all()


def test_the_monitor_measures_the_reference_and_the_way(trainer, policy):
    train, signal, settings = trainer
    lines = []
    history = train(policy, signal, settings, monitor=MONITOR, progress=lines.append).history
    n = len(history.steps)
    due = [0, *(math.ceil(part * n / 3) for part in (1, 2, 3))]
    assert history.measured["step"].drop_duplicates().tolist() == due
    assert (history.measured.groupby("step").size() == 2).all()  # a row a prompt
    kl = history.measured.groupby("step")["kl"].mean()
    assert kl[0] == 0
    assert kl[n] > 0.01
    # the same samples, whether the policy is measured by the trainer or by hand
    again = MONITOR.measure(policy, policy, 0)
    pd.testing.assert_frame_equal(history.measured[history.measured["step"] == 0], again)
    assert 4 <= len(lines) <= 7
    assert lines[0].startswith(f"{settings.algorithm}: step ")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_policy_is_an_ordinary_one(trainer, policy, precision, tmp_path):
    train, signal, settings = trainer
    aligned = train(policy, signal, settings.model_copy(update={"precision": precision})).policy
    aligned.save(tmp_path)
    loaded = LanguageModelPolicy.load(tmp_path)
    assert type(aligned.model) is type(policy.model) is type(loaded.model)
    assert {p.dtype for p in aligned.model.parameters()} == {torch.float32}
    assert loaded.logprob([ASK], ["red"]) == pytest.approx(aligned.logprob([ASK], ["red"]))
    # bfloat16 was for training only: it does not outlive it
    expected = LanguageModelPolicy(copy.deepcopy(policy.model), policy.tokenizer)
    expected.model.load_state_dict(aligned.model.state_dict())
    assert aligned.logprob([ASK], ["red"]) == expected.logprob([ASK], ["red"])


def test_adapters_learn_and_are_merged(trainer, policy, tmp_path):
    train, signal, settings = trainer
    aligned = train(policy, signal, settings.model_copy(update={"lora": LORA}))
    steps, facts = aligned.history.steps, aligned.history.facts
    assert steps["loss"].iloc[-3:].mean() < steps["loss"].iloc[0]
    # rank 2 on each layer's 16 x 48, 16 x 16, 16 x 64 and 64 x 16: 2 (64 + 32 + 80 + 80) in each
    assert facts["n_trained_parameters"] == 2 * 2 * (64 + 32 + 80 + 80)
    before, after = weights(policy), weights(aligned.policy)
    assert before.keys() == after.keys()
    frozen = {name for name in before if torch.equal(before[name], after[name])}
    assert all(name in frozen for name in before if "dense" not in name and "query" not in name)
    assert len(frozen) < len(before)
    aligned.policy.save(tmp_path)
    loaded = LanguageModelPolicy.load(tmp_path)
    assert type(loaded.model) is type(policy.model)
    assert loaded.logprob([WHY], ["no"]) == pytest.approx(aligned.policy.logprob([WHY], ["no"]))


def test_bfloat16_computes_coarsely_and_changes_little(trainer, policy):
    train, signal, settings = trainer
    coarse, fine = (
        train(policy, signal, settings.model_copy(update={"precision": precision})).history.steps
        for precision in ("bfloat16", "float32")
    )
    difference = np.abs(coarse["loss"] - fine["loss"])
    assert difference.max() > 1e-5  # float32 would differ by 1e-7 or so
    assert difference[0] < 0.03 * fine["loss"][0]  # 8 bits of fraction, summed over a few layers


def test_adapters_start_from_the_seed_and_change_nothing(policy):
    drawn = []
    for seed, noise in ((1, 1), (1, 2), (2, 1)):
        torch.manual_seed(noise)  # must not matter
        adapted = with_lora(copy.deepcopy(policy.model), LORA, seed=seed)
        drawn.append({n: p.clone() for n, p in adapted.named_parameters() if p.requires_grad})
        same = LanguageModelPolicy(adapted, policy.tokenizer)
        assert same.logprob([ASK], ["red"]) == policy.logprob([ASK], ["red"])
    assert equal(drawn[0], drawn[1])
    assert not equal(drawn[0], drawn[2])


@pytest.mark.parametrize("settings", [SFTSettings, DPOSettings, PROSettings])
def test_an_unknown_setting_is_an_error(settings):
    with pytest.raises(ValueError, match="learning_rate"):
        settings(learning_rate=1e-3)


def test_epochs_are_planned_in_batches_of_all_units():
    lengths = [3, 1, 4, 1, 5, 9, 2]
    settings = FittingSettings(epochs=2.5, batch_size=3, seed=1)
    plan = planned_batches(lengths, settings, 1)
    assert len(plan) == 8  # 2.5 x 3 batches, rounded to even
    for epoch in (plan[:3], plan[3:6]):
        assert sorted(np.concatenate(epoch)) == list(range(7))
    # each epoch's batch of one unit is too small for two processes
    assert {len(batch) for batch in planned_batches(lengths, settings, 2)} == {3}


def test_dpo_starts_at_the_reference(policy):
    first = train_dpo(policy, PAIRS, DPOSettings(batch_size=4)).history.steps.iloc[0]
    assert first["loss"] == pytest.approx(np.log(2), abs=1e-6)
    assert first[["margin", "reward_chosen", "reward_rejected"]].tolist() == pytest.approx(
        [0, 0, 0], abs=1e-6
    )


def test_dpo_logs_the_implicit_reward_of_the_policy_it_gives_back(policy):
    # constant rate: one batch of all pairs; the last logged step is before the last update
    optimiser = OptimiserSettings(
        learning_rate=1e-2, schedule="constant_with_warmup", warmup_steps=0
    )
    settings = DPOSettings(batch_size=12, epochs=3, beta=0.5, optimiser=optimiser)
    before = train_dpo(policy, PAIRS, settings.model_copy(update={"epochs": 2})).policy
    last = train_dpo(policy, PAIRS, settings).history.steps.iloc[-1]
    chosen, rejected = (
        0.5 * (logprobs(before, PAIRS[side]) - logprobs(policy, PAIRS[side]))
        for side in ("chosen", "rejected")
    )
    assert last["reward_chosen"] == pytest.approx(chosen.mean(), abs=1e-4)
    assert last["margin"] == pytest.approx((chosen - rejected).mean(), abs=1e-4)
    assert last["accuracy"] == pytest.approx((chosen > rejected).mean())
    assert last["accuracy"] > 0.4


def test_sft_starts_at_the_policys_own_likelihood(policy):
    steps = train_sft(policy, PAIRS, SFTSettings(batch_size=12)).history.steps
    total = logprobs(policy, PAIRS["chosen"]).sum()
    # 3 and 2 tokens with their end, six times each
    assert steps["loss"][0] == pytest.approx(-total / 30, abs=1e-5)


def test_pro_counts_and_weighs_its_groups(policy):
    settings = PROSettings(batch_size=3, form="temperature")
    history = train_pro(policy, GROUPS, settings).history
    # 3 + 2 + 2 candidates; the third group's labels are equal; 3 + 1 + 1 comparisons
    counts = ("n_groups", "n_groups_left_out", "n_candidates", "n_comparisons")
    assert [history.facts[name] for name in counts] == [3, 1, 7, 5]
    losses, rankings = [], []
    for group in (GROUPS[0], GROUPS[1], GROUPS[3].labelled):
        logprob = policy.logprob([group.prompt] * len(group.responses), group.responses)
        n_tokens = [len(text.split()) + 1 for text in group.responses]
        columns = [torch.tensor([row]) for row in (logprob.tolist(), n_tokens, group.label)]
        losses.append(pro_total_loss(*columns, temperature=True).item())
        rankings.append(pro_total_loss(*columns, temperature=True, sft_weight=0.0).item())
    assert history.steps["loss"][0] == pytest.approx(np.mean(losses), abs=1e-4)
    assert history.steps["ranking_loss"][0] == pytest.approx(np.mean(rankings), abs=1e-4)


def test_pro_logs_whether_the_likeliest_a_token_is_the_best(policy):
    responses = ("red blue green north", "yes")
    logprob = policy.logprob([ASK] * 2, responses)
    # the long one is the less likely as a whole, and the likelier a token
    assert logprob[0] < logprob[1]
    assert logprob[0] / 5 > logprob[1] / 2
    for label, expected in (((1.0, 0.0), 1.0), ((0.0, 1.0), 0.0)):
        steps = train_pro(policy, [RankedGroup(ASK, responses, label)], PROSettings()).history.steps
        assert steps["best_first"][0] == expected


def test_nothing_to_learn_from_is_an_error(policy):
    with pytest.raises(ValueError, match="none of 1 groups has two completions with different"):
        train_pro(policy, GROUPS[2:3], PROSettings())
    with pytest.raises(ValueError, match="no rows to train on: need a frame of prompt, chosen"):
        train_sft(policy, PAIRS.iloc[:0], SFTSettings())
    with pytest.raises(ValueError, match="no column 'rejected'; is 'rejectd' meant"):
        train_dpo(policy, PAIRS.rename(columns={"rejected": "rejectd"}), DPOSettings())


def test_a_long_dialogue_loses_the_start_of_its_prompt(policy):
    short = PAIRS.assign(prompt="\n\nAssistant:")
    settings = SFTSettings(batch_size=12, max_length=4)
    # red blue <eos> leaves one token of the prompt, north <eos> two
    cut = train_sft(policy, PAIRS.iloc[::2], settings).history.steps
    whole = train_sft(policy, short.iloc[::2], settings).history.steps
    pd.testing.assert_frame_equal(cut, whole, check_exact=True)
