"""Run the judge against `transformers serve` with a tiny model made on the spot.

    python scripts/check_transformers_serve.py

Needs `pip install "transformers[serving]"`, and no network: the model is trained here, in seconds,
to answer the judge's prompt with a verdict. The tests have a server of their own that misbehaves;
this one is somebody else's, and behaves as such servers do.
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pandas as pd
import torch
from proxylab.judge import JudgeSettings, combined, judge_message, judge_pairs
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SERVE = ("-m", "transformers.cli.transformers", "serve")
CHAT = (
    "{% for m in messages %}<user>{{ m['content'] }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<judge>{% endif %}"
)
ANSWER = "It helps more.\nVERDICT: 1<end>"
N_PAIRS, N_STEPS, START_SECONDS = 6, 60, 120


def pairs_frame() -> pd.DataFrame:
    """A few pairs of our own."""
    rows = [
        (f"p{i}", f"What is {i} plus {i}?", f"It is {2 * i}.", "No idea.") for i in range(N_PAIRS)
    ]
    return pd.DataFrame(rows, columns=["pair_id", "prompt", "response", "opponent"])


def make_model(folder: Path) -> None:
    """A Llama of some 100,000 parameters that has learnt ANSWER by heart, with a chat template."""
    texts = [
        f"<user>{judge_message(row.prompt, *both)}<end><judge>{ANSWER}"
        for row in pairs_frame().itertuples()
        for both in ((row.response, row.opponent), (row.opponent, row.response))
    ]
    tokenizer = make_tokenizer(texts)
    torch.manual_seed(0)
    size = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        num_attention_heads=4,
        max_position_embeddings=2048,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        **size,
    )
    model = LlamaForCausalLM(config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    lengths = batch["attention_mask"].sum(1, keepdim=True)
    place = torch.arange(batch["input_ids"].shape[1])
    answered = (place < lengths) & (place >= lengths - len(tokenizer(ANSWER)["input_ids"]))
    labels = batch["input_ids"].masked_fill(~answered, -100)  # the answer alone is learnt
    for _ in range(N_STEPS):
        loss = model(**batch, labels=labels).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    print(f"trained: loss {loss.item():.3f} on {batch['input_ids'].shape[1]} tokens")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE of these texts, with a chat template."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<end>", "<user>", "<judge>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<pad>")
    fast.chat_template = CHAT
    return fast


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """`transformers serve` of the model, for the length of the block; its base_url."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, *SERVE, str(folder), "--port", str(port), "--device", "cpu"]
    process = subprocess.Popen(command, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(30)


def wait_for(address: str, process: subprocess.Popen) -> None:
    """Until the server answers. Raises SystemExit where it ends, or does not within two minutes."""
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends:
        if process.poll() is not None:
            sys.exit('the server ended: is it installed? pip install "transformers[serving]"')
        with contextlib.suppress(URLError, ConnectionError):
            urlopen(address, timeout=5).close()
            return
        time.sleep(0.5)
    sys.exit(f"{address} did not answer within {START_SECONDS} s")


def check(folder: Path, cache: Path) -> None:
    """Judge over HTTP, and once more from the cache with the server gone."""
    pairs = pairs_frame()
    with served(folder) as base_url:
        settings = JudgeSettings(
            base_url=base_url, model=str(folder), max_answer_tokens=40, n_at_once=2
        )
        judged = judge_pairs(pairs, settings, cache=cache, progress=print)
    print(judged.verdicts.drop(columns="prompt_version").to_string())
    again = judge_pairs(pairs, settings, cache=cache, progress=print)
    # It learnt to say "1" whatever it reads: every verdict is for the first place, no pair is won.
    assert set(judged.verdicts["verdict"]) == {"1"}, "the model did not learn its line"
    assert set(combined(judged.verdicts)["outcome"]) == {0.0}
    assert judged.verdicts["prompt_tokens"].min() > 0, "the server counts no tokens"
    assert again.verdicts.equals(judged.verdicts)
    assert again.spent.requests == 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        make_model(Path(made) / "model")
        check(Path(made) / "model", Path(made) / "cache")
    print("the judge works against transformers serve")
