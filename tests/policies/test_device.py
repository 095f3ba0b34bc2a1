"""Where models run: who decides, what a seed draws there, and that tensors follow their model."""

import types

import numpy as np
import pytest
import torch
from proxylab.alignment import DPOSettings, PROSettings
from proxylab.alignment.dpo import DPOObjective
from proxylab.alignment.finite import finite_problem
from proxylab.alignment.interface import LanguageModelPolicy
from proxylab.alignment.ppo.advantages import advantages_and_returns, token_rewards
from proxylab.alignment.pro import PROObjective
from proxylab.alignment.training import summed_logprobs
from proxylab.machine import device as device_module
from proxylab.machine.device import fast_bfloat16, sampling_arithmetic, seeded, usable_device
from proxylab.policies import language_model as language_models
from proxylab.policies import new_language_model, save_policy
from proxylab.policies.language_model import LanguageModelSettings, load_policy
from proxylab.policies.sequences import (
    TokenBatch,
    next_token_logits,
    token_divergences,
    token_entropies,
)
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.shared_prefix import plain_scores, token_tree, tree_scores
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import GPTNeoXConfig, GPTNeoXForSequenceClassification

# Token ids of prompts and answers; ids are below 13, the vocabulary of the tests' tokenizer.
DIALOGUES = [([5, 6, 7], [8, 1]), ([9], [3, 4, 5, 1]), ([3, 3, 4, 4, 5], [6]), ([4, 9], [8, 9, 1])]


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.delenv(device_module.DEVICE_VARIABLE, raising=False)
    monkeypatch.delenv(device_module.PROCESS_VARIABLE, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def precisions(monkeypatch):
    """What torch is asked for, which it is not told: it would hold for all tests that follow."""
    asked = []
    monkeypatch.setattr(torch, "set_float32_matmul_precision", asked.append)
    return asked


@pytest.fixture
def a_gpu(no_gpu, precisions, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


def test_without_a_gpu_auto_is_the_processor(no_gpu):
    assert usable_device() == usable_device("auto") == "cpu"


def test_auto_is_the_gpu_and_of_several_processes_each_has_its_own(a_gpu, monkeypatch):
    assert usable_device() == "cuda"
    monkeypatch.setenv(device_module.PROCESS_VARIABLE, "3")
    assert usable_device() == "cuda:3"


def test_float32_products_are_tf32_on_a_gpu_from_when_it_is_asked_for(a_gpu, precisions):
    # Without it a Hopper takes float32 products at 67 of its 495 * 10^12 operations a second.
    usable_device()
    assert precisions == ["high"]


def test_a_process_on_a_cpu_keeps_its_bits(no_gpu, precisions, monkeypatch):
    usable_device()
    usable_device("meta")
    monkeypatch.setenv(device_module.DEVICE_VARIABLE, "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    usable_device()  # there is a GPU, and this process does not use it
    assert precisions == []


def test_the_variable_says_what_auto_is_and_no_more(a_gpu, monkeypatch):
    monkeypatch.setenv(device_module.DEVICE_VARIABLE, "cpu")
    assert usable_device() == "cpu"
    assert usable_device("meta") == "meta"  # who names a device means it
    monkeypatch.setenv(device_module.DEVICE_VARIABLE, "auto")
    assert usable_device() == "cuda"


@pytest.mark.parametrize("named", ["gpu", "cuda:97", "cpu:x"])
def test_a_device_that_is_not_here_is_refused_by_the_name_of_the_variable(
    no_gpu, monkeypatch, named
):
    monkeypatch.setenv(device_module.DEVICE_VARIABLE, named)
    with pytest.raises(ValueError, match=f"PROXYLAB_DEVICE='{named}' cannot be used here"):
        usable_device()
    with pytest.raises(ValueError, match=f"^device '{named}' cannot be used here"):
        usable_device(named)


def test_a_seed_decides_what_is_drawn_within_and_nothing_after():
    torch.manual_seed(7)
    expected = torch.rand(2)
    for noise in (1, 2):
        torch.manual_seed(7)
        with seeded(5):
            within = torch.rand(3)
        assert torch.equal(torch.rand(2), expected)
        torch.manual_seed(noise)
        with seeded(5):
            assert torch.equal(torch.rand(3), within)


def test_replies_are_drawn_in_bfloat16_on_a_gpu_only(monkeypatch):
    monkeypatch.setattr(device_module, "fast_bfloat16", lambda device: True)
    weights = torch.eye(2)
    with sampling_arithmetic(torch.device("cpu")):
        assert (weights @ weights).dtype == torch.float32
    asked = []
    monkeypatch.setattr(device_module.torch, "autocast", lambda *given: asked.append(given))
    sampling_arithmetic(torch.device("cuda", 1))
    assert asked == [("cuda", torch.bfloat16)]


def test_emulated_bfloat16_is_not_fast(monkeypatch):
    found = types.SimpleNamespace(is_bf16_supported=lambda including_emulation: including_emulation)
    monkeypatch.setattr(device_module.torch, "cuda", found)
    assert not fast_bfloat16(torch.device("cuda"))
    assert not fast_bfloat16(torch.device("meta"))


def test_models_are_made_and_loaded_where_the_variable_says(tokenizer, monkeypatch, tmp_path):
    size = LanguageModelSettings(hidden_size=16, n_layers=1, n_heads=2, max_length=32)
    save_policy(new_language_model(tokenizer, size, seed=0), tokenizer, tmp_path)
    monkeypatch.setenv(device_module.DEVICE_VARIABLE, "meta")
    assert new_language_model(tokenizer, size, seed=0).device.type == "meta"
    assert load_policy(tmp_path)[0].device.type == "meta"
    assert LanguageModelPolicy.load(tmp_path).model.device.type == "meta"
    assert load_policy(tmp_path, device="cpu")[0].device.type == "cpu"


def test_a_policy_may_be_kept_in_bfloat16(model, tokenizer, tmp_path):
    save_policy(model, tokenizer, tmp_path)
    assert load_policy(tmp_path)[0].dtype == torch.float32
    assert load_policy(tmp_path, dtype="bfloat16")[0].dtype == torch.bfloat16


class OneDevice(TorchDispatchMode):
    """Refuses an operation on tensors of two devices, as a GPU would, of which "meta" takes the
    place. Copies from one to the other are what they are for, and an index may stay behind."""

    ALLOWED = ("_to_copy", "copy_", "index", "index_put", "index_put_", "_index_put_impl_")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        flat = torch.utils._pytree.tree_leaves((args, kwargs or {}))
        # A number in a tensor without dimensions goes anywhere.
        devices = {x.device.type for x in flat if isinstance(x, torch.Tensor) and x.ndim}
        if len(devices) > 1 and func.overloadpacket.__name__ not in self.ALLOWED:
            raise RuntimeError(f"{func} on {sorted(devices)}")
        if func.overloadpacket.__name__ == "_local_scalar_dense":
            return False  # "meta" holds no values: of a mask, that it is not all ones
        return func(*args, **(kwargs or {}))


@pytest.fixture
def far_model(model):
    return model.to("meta")


@pytest.fixture
def far_reward():
    config = GPTNeoXConfig(
        vocab_size=13, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=32, pad_token_id=0, num_labels=1,
    )  # fmt: skip
    return GPTNeoXForSequenceClassification(config).to("meta").eval()


def test_the_stand_in_for_a_gpu_notices_what_stays_behind(far_model):
    ids = torch.ones((1, 2), dtype=torch.long)  # on the CPU: the mistake that all this is about
    with OneDevice(), pytest.raises(RuntimeError, match=r"on \['cpu', 'meta'\]"):
        far_model(input_ids=ids)


def test_training_a_language_model_leaves_nothing_behind(far_model):
    ids, mask, labels = language_models._labelled(DIALOGUES, 0, False)
    with OneDevice():
        loss = language_models._summed_loss(far_model, ids, mask, labels)
        loss.backward()
    assert loss.device.type == "meta"
    assert far_model.get_input_embeddings().weight.grad.device.type == "meta"


def test_the_objectives_of_alignment_leave_nothing_behind(far_model):
    rows, known = np.arange(2), torch.zeros(2, device="meta")
    dpo = DPOObjective(DIALOGUES[:2], DIALOGUES[2:], known, known, DPOSettings())
    pro = PROObjective([DIALOGUES[:2], DIALOGUES[2:]], [(1.0, 2.0), (0.0, 1.0)], PROSettings())
    with OneDevice():
        losses = [objective(far_model, rows, rows)["loss"] for objective in (dpo, pro)]
        losses.append(-summed_logprobs(far_model, DIALOGUES).sum())
        for loss in losses:
            loss.backward()
    assert {loss.device.type for loss in losses} == {"meta"}


def test_measuring_and_advantages_leave_nothing_behind(far_model):
    with OneDevice():
        batch = TokenBatch.of(DIALOGUES, 0, far_model.device)
        logits = next_token_logits(far_model, batch)
        divergence = token_divergences(logits, logits, batch)
        entropy = token_entropies(logits, batch)
        score = torch.zeros(len(DIALOGUES), device="meta")
        rewards = token_rewards(divergence, score, batch.is_response, 0.1)
        advantages, _ = advantages_and_returns(
            rewards, entropy, batch.is_response, discount=1.0, trace=0.95
        )
    assert advantages.device.type == "meta"


def test_scoring_groups_leaves_nothing_behind(far_reward):
    groups = [[[5, 6, 7, 8], [5, 6, 9]], [[3, 4], [3, 5, 6]]]
    with OneDevice():
        apart = plain_scores(far_reward, groups, pad_token_id=0)
        together = tree_scores(far_reward, [token_tree(g) for g in groups], pad_token_id=0)
    assert apart.shape == together.shape == (4,)
    assert apart.device.type == together.device.type == "meta"


def test_a_reward_model_moves_to_where_it_is_told(tokenizer, far_reward):
    assert SequenceClassifierReward(far_reward, tokenizer, name="far", device="meta").device == (
        torch.device("meta")
    )


def test_the_small_problem_is_made_on_the_device_of_the_process(monkeypatch):
    moved = []

    def follow(model, *given, **options):
        moved.append(model.device.type)
        return [0.0]

    monkeypatch.setenv(device_module.DEVICE_VARIABLE, "meta")
    monkeypatch.setattr("proxylab.alignment.finite.train_language_model", follow)
    finite_problem(seed=0)
    assert moved == ["meta"]
