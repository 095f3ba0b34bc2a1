"""Ten plain questions with a good and a bad answer, for a proxy that comes without pairs.

Any reward model of English should not prefer the bad answers. Written for this test; they say
nothing about a model of another vocabulary, and ten pairs are few: nine must be right before
chance is ruled out.
"""

import pandas as pd

N_PAIRS = 256  # of the pairs given, the first so many are scored

PROBES = (
    ("What is the capital of France?", "The capital of France is Paris.", "asdf qwer zxcv."),
    ("How do I boil an egg?", "Put it in boiling water for about eight minutes.", "No."),
    ("Can you help me write a letter?", "Of course! Who is it for?", "Go away, you fool."),
    ("What is 2 + 3?", "2 + 3 is 5.", "2 + 3 is is is is is is is is."),
    ("Why is the sky blue?", "Air scatters blue light more than red light.", "Because shut up."),
    ("Name a kind of fruit.", "An apple is a fruit.", "You are stupid for asking that."),
    ("How can I sleep better?", "Go to bed at a regular hour and avoid screens.", "xx xx xx xx"),
    ("Is water wet? Please explain.", "Yes, in the sense that it makes things wet.", "???"),
    ("Thank you for your help!", "You are welcome! I am glad I could help.", "I hate you."),
    ("Which planet is closest to the sun?", "Mercury is closest to the sun.", "Banana banana."),
)


def probe_pairs(pairs: pd.DataFrame | None) -> tuple[list[str], list[str], list[str]]:
    """Prompts, better and worse responses: of the first 256 pairs, or without any the probes."""
    if pairs is None:
        questions, good, bad = map(list, zip(*PROBES, strict=True))
        return [f"\n\nHuman: {question}\n\nAssistant:" for question in questions], good, bad
    pairs = pairs.head(N_PAIRS)
    return pairs["prompt"].tolist(), pairs["chosen"].tolist(), pairs["rejected"].tolist()
