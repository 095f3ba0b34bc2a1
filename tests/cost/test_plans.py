"""What each piece of work is: in which arithmetic, how many texts, shared with whom."""

import pytest
from proxylab.cost import assumed_machine
from proxylab.cost.estimate import by_run, estimate_profile, estimate_runs
from proxylab.cost.models import model_of
from proxylab.cost.plans import work_of
from proxylab.cost.queries import by_proxy
from proxylab.cost.setting import setting_of
from proxylab.cost.trainers import in_bfloat16
from proxylab.policies.lora import LoraSettings
from proxylab.profiles import load_profile
from proxylab.rewards.ranked import RankedTraining

TOKENS_A_PASS = 2**28  # numbers that a pass without gradient holds (policies.batching)


@pytest.fixture(scope="module")
def gpu():
    """The profile with round numbers: 16,080 of HH-RLHF's 160,800 training pairs, half gold's."""
    profile = load_profile("gpu")
    return profile.model_copy(
        update={
            "max_text_pairs": 16_080,
            "text_gold": profile.text_gold.model_copy(update={"share": 0.5}),
        }
    )


def named(notebook, profile, **values):
    works = work_of(notebook, {"seed": 0, "data": "hh-rlhf", **values}, profile)
    return {work.what: work for work in works}


def aligned(profile, algorithm, **values):
    return named("align", profile, algorithm=algorithm, **values)


def halves(works, start=""):
    return {what: work.half for what, work in works.items() if what.startswith(start)}


def test_proxies_trained_in_bfloat16_score_in_float32(gpu):
    assert gpu.text_reward_model.proxy_training.precision == "bfloat16"
    found = halves(named("shf_cas", gpu, task="harmless", selectors=("uncertainty",)))
    for trained in ("proxy", "refits", "ensemble"):
        assert found[trained], trained
    for scored in ("refits: scores", "ensemble: scores", "pool: gold", "labels: gold"):
        assert not found[scored], scored
    assert not found["pool: log-probabilities"]
    assert found["pool: sampled"]  # policies.generation draws under autocast


def test_ppo_looks_at_its_rollouts_under_autocast_and_judges_do_not(gpu):
    found = halves(aligned(gpu, "ppo", proxies=("raw",)), "ppo")
    assert found == {
        "ppo: rollouts: sampled": True,
        "ppo: rollouts: log-probabilities": False,
        "ppo: proxy": False,
        "ppo: gold": False,
        "ppo: policy and reference before": True,
        "ppo: policy": True,
    }


def test_dpo_reads_its_reference_under_autocast(gpu):
    assert halves(aligned(gpu, "dpo", labels=("raw",)), "dpo") == {
        "dpo": True,
        "dpo: reference": True,
    }
    dpo = gpu.alignment.dpo.model_copy(update={"precision": "float32"})
    full = gpu.model_copy(update={"alignment": gpu.alignment.model_copy(update={"dpo": dpo})})
    assert not any(halves(aligned(full, "dpo", labels=("raw",)), "dpo").values())


@pytest.mark.parametrize(
    ("algorithm", "policies"),
    # SFT, DPO and PRO measure their policies in the arithmetic of their steps, PPO does not.
    [("pro", True), ("ppo", False)],
)
def test_checkpoints_are_measured_in_the_arithmetic_of_the_trainer(gpu, algorithm, policies):
    assert halves(aligned(gpu, algorithm, proxies=("raw",)), "checkpoints") == {
        "checkpoints: sampled": True,
        "checkpoints: log-probabilities": policies,
        "checkpoints: divergence": policies,
        "checkpoints: proxy": False,
        "checkpoints: gold": False,
    }


def test_finished_policies_are_measured_in_float32(gpu):
    found = halves(aligned(gpu, "dpo", labels=("raw",)), "test prompts")
    assert {what for what, half in found.items() if half} == {"test prompts: sampled"}


def test_released_reward_models_score_in_the_16_bits_they_are_stored_in(gpu):
    paper = load_profile("paper")
    found = named("shf_cas", paper, data="pku-safe-rlhf", task="harmless", selectors=("random",))
    assert found["pool: gold"].half
    assert not found["refits: scores"].half  # of Pythia, but trained here, in float32
    setting = setting_of(gpu, "hh-rlhf", 0)
    released = model_of("PKU-Alignment/beaver-7b-v1.0-reward").as_reward_model()
    assert by_proxy("it", 1, setting, released).half
    assert not by_proxy("it", 1, setting).half


def test_adapters_on_a_base_in_bfloat16_leave_no_choice():
    assert not in_bfloat16(RankedTraining())
    assert not in_bfloat16(RankedTraining(lora=LoraSettings()))
    assert in_bfloat16(RankedTraining(lora=LoraSettings(base_precision="bfloat16")))


def test_who_learns_from_which_share_of_the_pairs(gpu):
    mixed = aligned(gpu, "sft", labels=("raw",))
    assert mixed["gold"].n_sequences == pytest.approx(2 * 2 * 8040)  # two texts, two epochs
    assert mixed["sft"].n_sequences == pytest.approx(8040)
    assert mixed["policy"].n_sequences == pytest.approx(2 * 8040)
    assert "proxy" not in mixed  # of a task
    # harmless: 4,253.7 pairs, 2,126.85 without gold's, half of these in regions that each is taught
    task = named("shf_cas", gpu, task="harmless", selectors=("random",))
    assert task["gold"].n_sequences == pytest.approx(2 * 2 * 2126.85)
    assert task["proxy"].n_sequences == pytest.approx(2 * 2 * 1063.425)
    assert task["policy"].n_sequences == pytest.approx(2 * 1063.425)
    # A reward model's own run learns from all pairs, gold's too; the one that a policy follows not.
    own = named("train_reward_model", gpu)["reward model"]
    led = aligned(gpu, "ppo", proxies=("raw",))["reward model"]
    assert own.n_sequences == pytest.approx(2 * led.n_sequences)
    assert own.shared != led.shared


def test_pro_learns_from_the_pairs_that_its_proxy_has_ordered(gpu):
    n = gpu.alignment.n_proxy_labelled
    found = aligned(gpu, "pro", proxies=("raw",))
    assert found["pro"].n_sequences == gpu.alignment.pro.epochs * 2 * n
    assert found["labels by a proxy"].n_sequences == 2 * n
    cpu = load_profile("cpu")  # whose world writes as many as are asked for
    assert aligned(cpu, "pro", data="world", proxies=("raw",))["labels by a proxy"].n_sequences == (
        2 * cpu.alignment.n_proxy_labelled
    )


def test_ppos_passes_by_hand(gpu):
    own, policy = gpu.alignment.ppo, setting_of(gpu, "hh-rlhf", 0).policy
    found = aligned(gpu, "ppo", proxies=("raw",))
    n = own.n_steps * own.rollouts_per_step
    # On one trunk: policy and values in one pass, and the reference.
    before = found["ppo: policy and reference before"]
    assert before.n_sequences == 2 * n
    assert before.n_passes == 2 * n / own.minibatch_size
    separate = own.model_copy(update={"value": "separate"})
    alignment = gpu.alignment.model_copy(update={"ppo": separate})
    found = aligned(gpu.model_copy(update={"alignment": alignment}), "ppo", proxies=("raw",))
    assert found["ppo: values before"].n_sequences == n
    assert found["ppo: value function"].n_sequences == own.inner_epochs * n
    # Each step samples anew: its 256 rollouts are the passes of one call, of each new token.
    rows = TOKENS_A_PASS // (2 * policy.layers * policy.hidden * 512)
    drawn = found["ppo: rollouts: sampled"]
    assert drawn.batch == rows == 102
    assert drawn.n_passes == own.n_steps * 2 * gpu.text_policy.max_new_tokens  # 102 and 154
    assert found["ppo: gold"].n_sequences == n  # it only watches


def test_loops_begin_with_the_same_scores_of_the_same_proxy(gpu):
    scale = gpu.conflict
    texts = (scale.n_pool + scale.n_held_out) * gpu.text_policy.n_samples
    values = {"task": "helpful", "selectors": ("random", "conflict")}
    assert named("shf_cas", gpu, **values)["refits: scores"].n_sequences == (
        (1 + 2 * scale.rounds) * texts
    )
    # One round for a policy to be aligned with: its outcome on held-out prompts nobody asks.
    led = aligned(gpu, "ppo", task="helpful", proxies=("shf_cas:random",))["refits: scores"]
    assert led.n_sequences == 2 * scale.n_pool * gpu.text_policy.n_samples


def test_what_runs_of_a_task_share_is_made_once(gpu):
    common = {"profile": "gpu", "seed": 0, "data": "hh-rlhf", "task": "helpful"}
    proxies = ("task", "shf_cas:random", "shf_cas:conflict")
    runs = [
        ("measure_conflict", common),
        ("shf_cas", {**common, "selectors": ("random",)}),
        ("align", {**common, "algorithm": "best_of_n", "proxies": proxies}),
        ("align", {**common, "algorithm": "ppo", "proxies": proxies}),
        ("align", {**common, "algorithm": "pro", "proxies": proxies}),
    ]
    rows = estimate_runs(runs, gpu, assumed_machine("h200"))
    made = {what: list(own["run"]) for what, own in rows.groupby("what")}
    for what in ("base model", "gold", "policy", "proxy", "held-out prompts: sampled"):
        assert made[what] == [0], what
    assert made["pool: sampled"] == [1]
    assert made["candidates: sampled"] == [2]
    assert made["refits"] == [1, 2, 2]  # a loop, then the two proxies that were refitted
    # each run measures its three policies, and the first one also what all of them start from
    assert made["test prompts: sampled"] == [3] * 4 + [4] * 3


def test_tasks_of_the_world_share_its_models_and_no_completions():
    cpu = load_profile("cpu")
    runs = [
        ("shf_cas", {"profile": "cpu", "seed": 0, "task": task, "selectors": ("random",)})
        for task in ("safety", "helpfulness")
    ]
    rows = estimate_runs(runs, cpu, assumed_machine("h100"))
    made = {what: list(own["run"]) for what, own in rows.groupby("what")}
    assert made["policy"] == made["proxy"] == [0]
    assert made["pool: sampled"] == made["held-out prompts: sampled"] == [0, 1]


def test_texts_are_turned_into_tokens_once_a_training_and_at_every_scoring(gpu):
    found = named("train_reward_model", gpu)
    pair = pytest.approx(963 / 4.1)
    for what, n in (("reward model", 2 * 16_080), ("test pairs", 2 * 8552), ("base model", 32_160)):
        assert found[what].n_encoded == pytest.approx(n), what
        assert found[what].n_encoded_tokens / found[what].n_encoded == pair
    drawn = aligned(gpu, "ppo", proxies=("raw",))
    assert drawn["ppo: rollouts: log-probabilities"].n_encoded == 0  # what it drew are tokens
    assert drawn["ppo: policy"].n_encoded == 0
    rows = estimate_runs(
        [("train_reward_model", {"profile": "gpu", "seed": 0, "data": "hh-rlhf"})],
        gpu,
        assumed_machine("h200"),
    )
    assert by_run(rows)["encoded"].sum() == pytest.approx((32_160 + 17_104 + 32_160) * 963 / 4.1)


def test_the_gpu_profile_takes_less_than_25_minutes_on_one_h200():
    profile = load_profile("gpu")
    rows = estimate_profile(profile, assumed_machine("h200"))
    assert rows["seconds"].sum() < 25 * 60
    assert rows.groupby("run")["seconds"].sum().max() < 10 * 60
    assert len(profile.seeds) >= 3
    sizes = rows.loc[rows["what"].isin(["base model", "base model of gold"]), "parameters"]
    assert sizes.between(20e6, 100e6).all()
