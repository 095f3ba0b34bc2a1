import pandas as pd
import pytest
from proxylab.cost import Machine, ModelSize, assumed_machine, measured_machine
from proxylab.cost.estimate import (
    by_run,
    downloads,
    estimate_profile,
    estimate_runs,
    too_large,
    totals,
)
from proxylab.cost.plans import PLANS, work_of
from proxylab.cost.resources import PROCESS_MB, START_MINUTES, job_resources
from proxylab.cost.setting import setting_of
from proxylab.cost.work import Length, generate, score, train
from proxylab.profiles import load_profile

SMALL = ModelSize("small", body=1000, vocabulary=5, hidden=4, layers=2, output=0)
RATES = {"train": 100.0, "generate": 10.0, "score": 50.0}
MACHINE = Machine("by hand", RATES, dict.fromkeys(RATES, 0.0))
EIGHT = Length.within(8)
NAMED = ("gpu", "paper", "paper_elephant")


@pytest.fixture(scope="module")
def cpu():
    return load_profile("cpu")


def test_passes_are_batches_times_new_tokens():
    assert train("t", SMALL, 100, EIGHT, 20).n_passes == 5
    assert generate("g", SMALL, 512, EIGHT, 3).n_passes == 2 * 3  # 256 rows a pass
    assert score("s", SMALL, 10, EIGHT).n_passes == 1  # never less than one


def test_a_machine_adds_arithmetic_and_a_fixed_part():
    machine = Machine("m", {"train": 1e6}, {"train": 0.5})
    work = train("t", SMALL, 10, EIGHT, 5)
    # 80 tokens x 3 x (2 x 1000 weights + 4 x 4 wide x 2 layers x 4 others), in two passes
    assert work.flops == 80 * 3 * (2000 + 4 * 2 * 4 * 4)
    assert machine.seconds(work) == pytest.approx(work.flops / 1e6 + 2 * 0.5)


def test_sampling_reads_all_weights_for_every_token():
    machine = Machine("m", {"generate": 1e12}, {"generate": 0.0}, bandwidth=1e6)
    work = generate("g", SMALL, 4, EIGHT, 8)
    # 8 passes, each of 4 bytes x 1020 weights; the arithmetic is nothing beside it
    assert machine.seconds(work) == pytest.approx(8 * 4 * 1020 / 1e6)


def test_float32_is_slower_where_the_device_says_so():
    machine = Machine("m", {"score": 1e6}, {"score": 0.0}, full_rate=1e5)
    full, half = score("s", SMALL, 10, EIGHT), score("s", SMALL, 10, EIGHT, half=True)
    assert machine.seconds(full) == pytest.approx(10 * machine.seconds(half))


def test_float32_on_a_gpu_is_tf32():
    # NVIDIA's data sheet: 989.4 * 10^12 a second in bfloat16, half of that in TF32; 67 without it.
    machine = assumed_machine("h200", utilisation=0.5)
    assert machine.rates["score"] == pytest.approx(494.7e12)
    assert machine.full_rate == pytest.approx(247.35e12)


def test_a_fit_of_exact_times_gives_back_what_made_them():
    rows = [(p, f, 0.25 * p + f / 2e6) for p, f in ((1, 1e5), (2, 9e6), (3, 4e4))]
    steps = pd.DataFrame(rows, columns=["passes", "flops", "seconds"]).assign(kind="train")
    machine = measured_machine(steps, "here")
    assert machine.fixed["train"] == pytest.approx(0.25)
    assert machine.rates["train"] == pytest.approx(2e6)


def test_one_timed_step_is_not_enough():
    steps = pd.DataFrame([{"kind": "score", "passes": 1, "flops": 1.0, "seconds": 1.0}])
    with pytest.raises(ValueError, match="two sizes"):
        measured_machine(steps, "here")


def test_an_unknown_device_is_named_with_the_nearest():
    with pytest.raises(ValueError, match="h100"):
        assumed_machine("h10")


def test_reward_model_training_by_hand(cpu):
    values = {"profile": "cpu", "seed": 0, "data": "hh-rlhf", "train_on": "raw"}
    works = {work.what: work for work in work_of("train_reward_model", values, cpu)}
    body = 2 * (12 * 128**2 + 13 * 128) + 2 * 128
    trained = works["reward model"]
    # 8,000 pairs of two texts of at most 128 tokens, twice
    assert trained.n_tokens == 8000 * 2 * 128 * 2
    assert trained.n_passes == 2 * 8000 / 16
    # 6 N a token, and attention's 3 x 4 x width for each token seen, half of 128, in two layers
    assert trained.flops == trained.n_tokens * (6 * body + 3 * 4 * 2 * 64 * 128)
    assert works["test pairs"].n_tokens == 2 * 8552 * 128
    assert works["base model"].n_tokens == 10_000 * 256


def test_sweeps_and_biased_proxies_of_the_conflict_study_by_hand(cpu):
    scale, setting = cpu.conflict, setting_of(cpu, "world", 0)
    values = {"profile": "cpu", "seed": 0, "data": "world", "task": "safety"}
    works = work_of("measure_conflict", values, cpu)
    # The first completions of the largest number serve the smaller numbers.
    drawn = [w.n_sequences for w in works if w.what == "sweep: sampled"]
    temperatures = [setting.n_samples] * len(scale.sweep_temperatures)
    assert drawn == [scale.n_held_out * n for n in (max(scale.sweep_n_samples), *temperatures)]
    [biased] = [w for w in works if w.what == "biased proxies"]
    # Three kinds at each dose and the control, which is trained further without a bias.
    n_proxies = 1 + 3 * len(scale.share_doses)
    texts = n_proxies * 2 * scale.n_bias_pairs
    assert biased.n_sequences == scale.bias_training.epochs * texts


def test_what_runs_share_is_counted_once(cpu):
    run = ("train_reward_model", {"profile": "cpu", "seed": 0, "data": "hh-rlhf"})
    machine = assumed_machine("h100")
    once = totals(estimate_runs([run], cpu, machine), price_per_hour=3.0)
    twice = estimate_runs([run, run], cpu, machine)
    # The second run finds base model and reward model made, and scores the test pairs again.
    assert list(twice[twice["run"] == 1]["what"]) == ["test pairs"]
    assert once["money"] == pytest.approx(3 * once["hours"])


def test_another_seed_shares_no_model(cpu):
    runs = [
        ("train_reward_model", {"profile": "cpu", "seed": s, "data": "hh-rlhf"}) for s in (0, 1)
    ]
    found = by_run(estimate_runs(runs, cpu, assumed_machine("h100")))
    assert found["flops"].iloc[0] == found["flops"].iloc[1]


@pytest.mark.parametrize("name", ["smoke", "cpu", *NAMED])
def test_every_profile_can_be_estimated(name):
    profile = load_profile(name)
    estimates = estimate_profile(profile, assumed_machine("h100"))
    planned = profile.planned_runs(with_data=True)
    assert estimates["run"].nunique() == len(planned)
    assert (estimates[["flops", "seconds", "gib"]] >= 0).all(axis=None)
    for notebook, rows in estimates.groupby("notebook"):
        assert (rows["flops"].sum() > 0) == (notebook in PLANS), notebook
    assert downloads(profile)["gb"].notna().all(), "a model of the profile has no known size"


def test_what_the_papers_name_is_fetched_and_what_lies_in_a_folder_is_not():
    assert set(downloads(load_profile("paper"))["id"]) == {
        "EleutherAI/pythia-1b",
        "PKU-Alignment/beaver-7b-unified-cost",
        "pku-safe-rlhf",
    }
    assert downloads(load_profile("cpu")).empty


def test_the_world_needs_no_gpu_and_the_papers_do(cpu):
    for notebook, values in cpu.planned_runs(with_data=True):
        asked = job_resources(notebook, values, cpu)
        assert asked["gpu"] == 0, (notebook, values)
        assert asked["mem_mb"] >= PROCESS_MB
        assert asked["runtime"] >= START_MINUTES
    paper = load_profile("paper")
    asked = {n: job_resources(n, v, paper) for n, v in paper.planned_runs(with_data=True)}
    assert {name: found["gpu"] for name, found in asked.items()} == {
        "simulate_conflict": 0,
        "measure_conflict": 1,
        "shf_cas": 1,
        "align": 1,
    }
    # the largest model, a cost model of 6.7 billion float32 weights, twice on its way to the GPU
    assert asked["shf_cas"]["mem_mb"] == 1000 * -(-(PROCESS_MB + 2 * 4 * 6607.35) // 1000)


def test_what_times_a_machine_asks_for_that_of_the_other_runs(cpu):
    gpu = load_profile("gpu")
    for notebook in ("measure_cost", "benchmark"):
        asked = job_resources(notebook, {"seed": 0}, gpu)
        assert asked == {"gpu": 1, "mem_mb": PROCESS_MB, "runtime": START_MINUTES}
        assert job_resources(notebook, {"seed": 0}, cpu)["gpu"] == 0
        assert work_of(notebook, {"seed": 0}, gpu) == []  # it trains nothing of the profile's


def test_no_job_asks_for_more_time_than_there_is(cpu):
    values = {"profile": "cpu", "seed": 0, "data": "hh-rlhf"}
    free = job_resources("train_reward_model", values, cpu)
    limit = {"max_minutes": free["runtime"] - 1}
    for attempt in (1, 2):
        asked = job_resources("train_reward_model", values, cpu, attempt=attempt, **limit)
        assert asked["runtime"] == free["runtime"] - 1
    assert job_resources("clean", {"seed": 0}, cpu, max_minutes=10**6)["runtime"] == START_MINUTES


def test_a_run_is_too_large_for_less_memory_than_it_needs(cpu):
    runs = [(name, {"profile": "cpu", "seed": 0}) for name in ("train_reward_model", "clean")]
    estimates = estimate_runs(runs, cpu, MACHINE)
    needed = by_run(estimates)["memory_gib"].iloc[0] * 2**30
    for memory, notebooks in ((needed, []), (needed - 1, ["train_reward_model"])):
        machine = Machine("m", MACHINE.rates, MACHINE.fixed, memory=memory)
        assert list(too_large(estimates, machine)["notebook"]) == notebooks


def test_a_second_attempt_asks_for_twice_as_much(cpu):
    values = {"profile": "cpu", "seed": 0, "data": "hh-rlhf"}
    first = job_resources("train_reward_model", values, cpu)
    second = job_resources("train_reward_model", values, cpu, attempt=2)
    assert second["runtime"] == pytest.approx(2 * first["runtime"], abs=2)
    assert second["mem_mb"] >= 2 * first["mem_mb"] - 1000


def test_a_model_of_which_nothing_is_known_still_gets_its_job(cpu):
    base = cpu.text_backbone.model_copy(update={"base": "someone/large"})
    profile = cpu.model_copy(update={"text_backbone": base})
    values = {"profile": "cpu", "seed": 0, "data": "hh-rlhf"}
    assert job_resources("train_reward_model", values, profile)["gpu"] == 1


def test_votes_on_public_data_need_no_model(cpu):
    assert work_of("measure_correlation", {"data": "pandalm", "seed": 0}, cpu) == []


def test_the_worlds_models_have_the_size_that_is_counted(cpu):
    from proxylab.policies import new_language_model, word_tokenizer
    from proxylab.world import lexicon

    tokenizer = word_tokenizer(lexicon.vocabulary(), max_length=64)
    model = new_language_model(tokenizer, cpu.world_backbone.size, seed=0)
    assert setting_of(cpu, "world", 0).policy.parameters == model.num_parameters()


def counted(notebook, values, profile):
    works = work_of(notebook, {"seed": 0, "task": "safety", **values}, profile)
    return {work.what: work for work in works}


def test_an_ensemble_is_counted_where_a_selector_reads_it(cpu):
    plain = counted("shf_cas", {"selectors": ("random", "conflict")}, cpu)
    assert "ensemble" not in plain
    read = counted("shf_cas", {"selectors": ("random", "uncertainty")}, cpu)
    # every run trains its own: three members, a pass over 1,500 pairs each
    assert read["ensemble"].shared is None
    assert read["ensemble"].n_sequences == 3 * 1500 * 2


def test_a_refit_from_scratch_sees_all_pairs_of_the_proxy(cpu):
    warm, scratch = (
        counted("shf_cas", {"selectors": ("random",), "rounds": 1, "refit": refit}, cpu)["refits"]
        for refit in ("warm", "scratch")
    )
    epochs = cpu.conflict.refinement.epochs
    assert warm.n_sequences == epochs * (480 + 2 * 400)
    assert scratch.n_sequences == epochs * (480 + 2 * 16_000)


def test_alignment_counts_the_proxies_that_it_makes(cpu):
    usual = counted("align", {"algorithm": "ppo", "proxies": ("task",)}, cpu)
    refitted = counted("align", {"algorithm": "ppo", "proxies": ("shf_cas:uncertainty",)}, cpu)
    assert {"refits", "ensemble"} <= refitted.keys() - usual.keys()
    strong = counted("align", {"algorithm": "ppo", "proxies": ("strong",)}, cpu)["strong"]
    assert strong.n_sequences == 2 * 16_000 * cpu.world_reward_model.proxy_training.epochs
    assert strong.shared is not None  # every run of a seed names the same one
