"""Scoring with one sequence classifier, three ways, side by side on this machine.

Length-sorted batches under a token budget (ours), a plain loop over texts, and the transformers
text-classification pipeline at two batch sizes: same model, same tokenizer, same texts. Prints
ratios; `python benchmarks/reward_scoring.py --texts 512`. The model is made here, untrained: its
speed does not depend on what it has learnt.
"""

import argparse
import tempfile
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from proxylab.policies.tokenizers import bpe_tokenizer
from proxylab.preferences.transcripts import full_text
from proxylab.rewards.classifier import SequenceClassifierReward
from transformers import GPTNeoXConfig, GPTNeoXForSequenceClassification, pipeline

SYLLABLES = ["ba", "de", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu"]


def make_texts(n: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Prompts and responses of made-up words; lengths spread like HH-RLHF's (log-normal)."""
    words = ["".join(rng.choice(SYLLABLES, rng.integers(1, 4))) for _ in range(500)]

    def passage(median: float) -> str:
        return " ".join(rng.choice(words, 1 + int(rng.lognormal(np.log(median), 0.8))))

    prompts = [f"\n\nHuman: {passage(20)}\n\nAssistant:" for _ in range(n)]
    return prompts, [passage(25) for _ in range(n)]


def make_model(texts: list[str], max_length: int) -> SequenceClassifierReward:
    """An untrained two-layer classifier (hidden size 128, vocabulary of 2,048)."""
    tokenizer = bpe_tokenizer(texts, vocabulary_size=2048, max_length=max_length)
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=max_length,
        pad_token_id=tokenizer.pad_token_id,
        num_labels=1,
    )
    model = GPTNeoXForSequenceClassification(config)
    return SequenceClassifierReward(model, tokenizer, name="tiny", max_length=max_length)


def candidates(reward: SequenceClassifierReward, prompts: list[str], responses: list[str]):
    """Name -> function that scores everything; all return the same numbers."""
    texts = list(map(full_text, prompts, responses))
    with tempfile.TemporaryDirectory() as folder:  # a pipeline of its own copy of the model
        reward.model.save_pretrained(folder)
        reward.tokenizer.save_pretrained(folder)
        pipe = pipeline("text-classification", model=folder, device=reward.device)
    options = {"function_to_apply": "none", "truncation": True, "max_length": reward.max_length}

    def piped(batch_size: int) -> np.ndarray:
        return np.array([row["score"] for row in pipe(texts, batch_size=batch_size, **options)])

    def loop() -> np.ndarray:
        pairs = zip(prompts, responses, strict=True)
        return np.array([reward.score([prompt], [response])[0] for prompt, response in pairs])

    return {
        "length-sorted batches": lambda: reward.score(prompts, responses),
        "plain loop": loop,
        "pipeline, batch 1": lambda: piped(1),
        "pipeline, batch 32": lambda: piped(32),
    }


def best_of(run: Callable[[], np.ndarray], repeats: int) -> tuple[float, np.ndarray]:
    """Least wall time of a few runs, in seconds, and the scores."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        scores = run()
        times.append(time.perf_counter() - start)
    return min(times), scores


def benchmark(
    n_texts: int = 512, *, max_length: int = 128, repeats: int = 3, seed: int = 0
) -> pd.DataFrame:
    """Time every way on the same texts.

    Columns: way, seconds, texts_per_second, times_slower (against the first way), largest_gap
    (largest absolute difference of a score from the first way's).
    """
    prompts, responses = make_texts(n_texts, np.random.default_rng(seed))
    reward = make_model(list(map(full_text, prompts, responses)), max_length)
    rows, reference = [], None
    for way, run in candidates(reward, prompts, responses).items():
        run()  # warm-up
        seconds, scores = best_of(run, repeats)
        reference = scores if reference is None else reference
        gap = float(np.abs(scores - reference).max())
        rows.append({"way": way, "seconds": seconds, "largest_gap": gap})
    table = pd.DataFrame(rows)
    return table.assign(
        texts_per_second=n_texts / table["seconds"],
        times_slower=table["seconds"] / table["seconds"].iloc[0],
    )


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    table = benchmark(options.texts, max_length=options.max_length, repeats=options.repeats)
    for row in table.itertuples():
        print(
            f"{row.way:22} {row.times_slower:6.2f}x the time, "
            f"{row.texts_per_second:7.0f} texts/s, scores within {row.largest_gap:.1e}"
        )


if __name__ == "__main__":
    main()
