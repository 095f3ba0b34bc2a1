"""Saving a reward model so that a folder that exists is a folder that is whole."""

import shutil
import tempfile
from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from proxylab.rewards.card import CARD_NAME, RewardCard, write_card


def check_target(out: Path, base: str | Path) -> Path:
    """`out`, if a reward model may be written there.

    Raises ValueError when it holds something other than a reward model of ours, or is the base.
    """
    if out.exists() and out.resolve() == Path(base).resolve():
        raise ValueError(f"{out} is the base model: name another folder for the reward model")
    if out.exists() and not (out / CARD_NAME).is_file():
        raise ValueError(f"{out} exists and is no reward model (no {CARD_NAME}): not overwritten")
    return out


def save_reward_model(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, card: RewardCard, out: Path
) -> None:
    """Write weights (safetensors), tokenizer and card beside `out`, then rename into place.

    A run that is killed meanwhile leaves at most a hidden `.<name>.partial-*` folder, which no
    loader looks at; an earlier reward model at `out` is replaced.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.partial-"))
    try:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        write_card(partial, card)
        partial.chmod(0o755)  # mkdtemp makes it private
        if out.exists():
            shutil.rmtree(out)
        partial.replace(out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
