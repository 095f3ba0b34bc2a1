"""What can be read off a model before it scores anything: head, template, padding, a pair's fit.

Each check is of one kind of adapter. Limits: a head that was saved untrained by other code without
a card looks like any other, and shows only in its accuracy.
"""

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from proxylab.rewards.card import RewardCard
from proxylab.rewards.classifier import SequenceClassifierReward
from proxylab.rewards.classifier_ranker import ClassifierRanker, RankerCard
from proxylab.rewards.implicit import ImplicitReward
from proxylab.rewards.pairwise import RankerReward
from proxylab.rewards.self_tests.check import Check

# Between a model of the controlled world and what was fine-tuned from it the cosine is 0.94, after
# DPO above 0.99; between models trained apart it is 0.00. A base that lies one stage further back
# than the reference is therefore not told from it.
LEAST_COSINE = 0.5


def model_checks(proxy: object) -> list[Check]:
    """The checks for this kind of proxy; none for a function, which cannot be looked into."""
    if isinstance(proxy, SequenceClassifierReward):
        checks = [_head(proxy.missing_keys, proxy.card), _template(proxy)]
        # Without its template no text can be written, and so none be looked at.
        return [*checks, _padding(proxy)] if checks[1].passed else checks
    if isinstance(proxy, RankerReward) and isinstance(proxy.ranker, ClassifierRanker):
        ranker = proxy.ranker
        return [_head(ranker.missing_keys, ranker.card), _layout(ranker), _padding(ranker)]
    if isinstance(proxy, ImplicitReward):
        return [_heads(proxy), _template(proxy), *_two_models(proxy)]
    return []


def _head(missing_keys: Sequence[str], card: RewardCard | RankerCard | None) -> Check:
    if missing_keys:
        names = ", ".join(missing_keys[:3])
        return Check("head", False, f"not in the checkpoint, freshly initialised: {names}")
    if card is not None and not card.head_trained:
        return Check("head", False, "the model's card says that its head was never trained")
    known = "its card says it was trained" if card else "all weights came from the checkpoint"
    return Check("head", True, known)


def _heads(reward: ImplicitReward) -> Check:
    models = reward.policy, reward.reference
    if not all(hasattr(model, "missing_keys") for model in models):
        return Check("head", True, "given in memory: whether it was trained is not known")
    return _head(reward.missing_keys, None)


def _template(model: SequenceClassifierReward | ImplicitReward) -> Check:
    if model.template == "chat" and model.tokenizer.chat_template is None:
        return Check("template", False, "'chat' asked for, but the tokenizer has no chat template")
    if model.card is not None and model.card.template != model.template:
        detail = f"{model.template!r} asked for, but the model was trained on "
        return Check("template", False, detail + repr(model.card.template))
    if not model.template_stated and model.tokenizer.chat_template is not None:
        detail = "the tokenizer has a chat template and nothing says whether to use it: "
        return Check("template", False, detail + "set template='chat' or 'plain'")
    return Check("template", True, model.template)


def _layout(ranker: ClassifierRanker) -> Check:
    if ranker.card is not None and ranker.card.template != ranker.template:
        return Check("template", False, "another layout asked for than the ranker's card states")
    return Check("template", True, "as its card states" if ranker.card else "as stated, no card")


def _padding(model: SequenceClassifierReward | ClassifierRanker) -> Check:
    """A causal model's head reads the last token that is not the padding token.

    Where the end token pads, that is the token before a text's end, which is wrong for a head that
    was trained on one text at a time, or with another padding token, and right for one that was
    trained so. A card, or a padding token that tokenizer or model names, settles it.
    """
    tokenizer, known = model.tokenizer, model.model.config.get_text_config().pad_token_id
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id != known:
        detail = f"the tokenizer pads with {tokenizer.pad_token_id}, the model reads past {known}"
        return Check("padding", False, f"{detail}: set the tokenizer's pad_token")
    if tokenizer.pad_token_id != tokenizer.eos_token_id:
        return Check("padding", True, f"with {tokenizer.pad_token!r}")
    if not _ends_texts(model, tokenizer.eos_token_id):
        return Check("padding", True, "with the end token, in which no text ends")
    if model.card is None and not model.pad_stated:
        detail = "nothing says which token pads; with the end token the head reads the token "
        detail += "before a text's end: state pad_token in tokenizer_config.json, the end token "
        return Check("padding", False, detail + "itself if the model was trained so, else another")
    return Check("padding", True, "with the end token: the head reads the token before it")


def _ends_texts(model: SequenceClassifierReward | ClassifierRanker, token: int) -> bool:
    n_texts = 3 if isinstance(model, ClassifierRanker) else 2
    return model.encode(*[["a"]] * n_texts)[0][-1:] == [token]


def _two_models(reward: ImplicitReward) -> list[Check]:
    policy, reference = reward.policy.model, reward.reference.model
    shapes = [_shapes(model) for model in (policy, reference)]
    checks = [_vocabulary(reward)]
    if shapes[0] != shapes[1] or policy.config.model_type != reference.config.model_type:
        n = len(set(shapes[0].items()) ^ set(shapes[1].items()))
        detail = f"{policy.config.model_type} and {reference.config.model_type}, {n} weights of "
        detail += "another name or shape: the policy was not trained from this reference"
        return [*checks, Check("same base", False, detail)]
    return [*checks, _same_base(policy, reference), _differ(policy, reference)]


def _vocabulary(reward: ImplicitReward) -> Check:
    ours, theirs = (side.tokenizer.get_vocab() for side in (reward.policy, reward.reference))
    n = len(set(ours.items()) ^ set(theirs.items()))
    if n:
        detail = f"{n} tokens of policy and reference differ: their sums are of different tokens"
        return Check("vocabulary", False, detail)
    for side in (reward.policy, reward.reference):
        rows = side.model.get_input_embeddings().num_embeddings
        if rows <= max(ours.values()):
            return Check("vocabulary", False, f"{side.name} embeds {rows} of {len(ours)} tokens")
    return Check("vocabulary", True, f"{len(ours):,} tokens shared")


def _same_base(policy: PreTrainedModel, reference: PreTrainedModel) -> Check:
    cosine = weight_cosine(policy, reference)
    detail = f"cosine of their weights {cosine:.3f}"
    if cosine < LEAST_COSINE:
        detail += ", as of models trained apart: the policy was not trained from this reference"
    return Check("same base", cosine >= LEAST_COSINE, detail)


def _differ(policy: PreTrainedModel, reference: PreTrainedModel) -> Check:
    theirs = reference.state_dict()
    moved = sum(
        not torch.equal(tensor.cpu(), theirs[key].cpu())
        for key, tensor in policy.state_dict().items()
    )
    if not moved:
        return Check("two models", False, "policy and reference are the same: every reward is 0")
    return Check("two models", True, f"{moved} of {len(theirs)} weights differ")


def weight_cosine(one: PreTrainedModel, other: PreTrainedModel) -> float:
    """Cosine between two models' weight matrices as one long vector each, NaN without matrices.

    Norms and biases are left out: they start at ones and zeros in any model.
    """
    theirs = other.state_dict()
    sums = torch.zeros(3, dtype=torch.float64)
    for key, tensor in one.state_dict().items():
        if tensor.ndim >= 2:
            a, b = (t.detach().cpu().double().flatten() for t in (tensor, theirs[key]))
            sums += torch.stack([a @ b, a @ a, b @ b])
    return float(sums[0] / (sums[1] * sums[2]).sqrt())


def _shapes(model: PreTrainedModel) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
