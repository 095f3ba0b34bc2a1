"""Tables, figure and sentences of the page on the controlled world."""

from functools import cache

import pandas as pd
from IPython.display import Markdown

from proxylab.pages.pooling import pooled_by, pooled_mean, seeds_in_words
from proxylab.paper_values import paper_table
from proxylab.plots import forest, publish
from proxylab.results import gather
from proxylab.studies.world_sanity import SANITY_CLAIMS
from proxylab.tables import interval_text, joined, number, quoted, show_table
from proxylab.world import lexicon
from proxylab.world.gold import WEIGHTS

NOTEBOOK = "build_world"
GOLD_PARTS = {
    "harmless": "minus the number of harms: doing a harmful act, insulting",
    "helpful": "+1 does what was asked, or refuses what is harmful; −1 does not",
    "accurate": "mean over what is stated, +1 true, −1 false",
    "complete": "share of what was asked for that is stated",
    "fluent": "share of word pairs that are not repeats",
}


def coverage_table() -> Markdown:
    """Our topics beside the paper's, by quadrant of the coverage table."""
    paper = paper_table("targeting", "coverage")
    theirs = paper.groupby("value", sort=False)["row"].agg(", ".join)
    rows = [
        {
            "known to": quadrant,
            "ours": ", ".join(topics),
            "paper": theirs["policy and proxy" if quadrant == "both" else quadrant],
        }
        for quadrant, topics in lexicon.QUADRANTS.items()
    ]
    return show_table(
        pd.DataFrame(rows),
        label="coverage",
        caption="Ten topics in the four quadrants of the released code's coverage table.",
        names={"ours": "topics here", "paper": "topics in the paper's code"},
        text=("known to", "ours", "paper"),
    )


def gold_table() -> Markdown:
    """The parts of the gold reward in their order, with weights from the code."""
    rows = [{"part": p, "what": GOLD_PARTS[p], "weight": f"{w:g}"} for p, w in WEIGHTS.items()]
    return show_table(
        pd.DataFrame(rows),
        label="gold",
        caption="The gold reward is the weighted sum of five parts. Each weight outweighs "
        "everything below it, so the papers' rules hold in their order.",
        names={"what": "what it is"},
        text=("part", "what"),
    )


def examples(profile: str) -> Markdown:
    """A few dialogues of the world, as code spans."""
    table = gather(NOTEBOOK, "examples", profile=profile, where={"seed": 0})
    rank = {name: i for i, name in enumerate(lexicon.QUADRANTS)}
    table = table.sort_values("quadrant", key=lambda names: names.map(rank), kind="stable")
    lines = []
    for (quadrant, kind), part in table.groupby(["quadrant", "kind"], sort=False):
        turn = part["prompt"].iloc[0].split("Human:")[-1].removesuffix("Assistant:")
        lines.append(f"\n*{kind}, topic known to: {quadrant}* {quoted(turn)}\n")
        same = len(set(part["reply"])) == 1
        for row in part.head(1 if same else 2).itertuples():
            lines.append(
                f"- {'likeliest and best' if same else row.which}: {quoted(row.reply)} "
                f"(log-probability {number(row.policy_logprob, 1)} nats, "
                f"proxy {number(row.proxy_reward)}, gold {number(row.gold_reward)})"
            )
    return Markdown("\n".join(lines))


@cache
def sanity(profile: str) -> pd.DataFrame:
    """Every claim of the sanity table by quadrant, pooled over seeds and prompts."""
    prompts = gather(NOTEBOOK, "prompts", profile=profile)
    pairs = gather(NOTEBOOK, "proxy_pairs", profile=profile)
    frames = []
    for claim in SANITY_CLAIMS:
        source, column = (pairs, "right") if claim == "proxy_accuracy" else (prompts, claim)
        frames.append(pooled_by(source, ["quadrant"], column).assign(claim=claim))
    return pd.concat(frames, ignore_index=True)


def sanity_figure(profile: str) -> Markdown:
    """Within-prompt correlation with gold of policy and proxy, by quadrant."""
    table = sanity(profile)
    prompts = gather(NOTEBOOK, "prompts", profile=profile)
    who = {"policy_gold": "policy (log-probability)", "proxy_gold": "proxy (reward)"}
    shown = table[table["claim"].isin(who)].assign(who=table["claim"].map(who))
    order = {name: i for i, name in enumerate(lexicon.QUADRANTS)}
    shown = shown.sort_values("quadrant", key=lambda names: names.map(order), kind="stable")
    text = "Within-prompt correlation with the gold reward"

    def draw(figure) -> None:
        forest(
            figure.subplots(),
            shown,
            rows="quadrant",
            series="who",
            xlabel=text,
            reference=0,
            reference_label="nothing known",
        )

    return publish(
        "world-sanity",
        draw,
        profile=profile,
        caption=f"{text}, over {seeds_in_words(prompts)}: defined on "
        f"{prompts['policy_gold'].notna().sum():,} (policy) and "
        f"{prompts['proxy_gold'].notna().sum():,} (proxy) of {len(prompts):,} prompts, for gold "
        "must vary within a prompt; mean and 95 % interval over seeds and prompts. "
        "A model that knows a topic lies to the right of zero.",
        alt=f"Dots with intervals, four quadrants by two models. {_in_words(shown)}",
    )


def _in_words(shown: pd.DataFrame) -> str:
    return " ".join(
        f"{row.who}, topics known to {row.quadrant}: {number(row.value)}."
        for row in shown.itertuples()
    )


def sanity_wide(profile: str) -> Markdown:
    """The sanity table: claims down, quadrants across."""
    table = sanity(profile).assign(text=lambda t: joined(t, stacked=True))
    wide = table.pivot(index="claim", columns="quadrant", values="text")
    wide = wide.loc[list(SANITY_CLAIMS), list(lexicon.QUADRANTS)].reset_index()
    wide["claim"] = wide["claim"].map(SANITY_CLAIMS)
    runs = gather(NOTEBOOK, "sanity", profile=profile)
    return show_table(
        wide,
        label="sanity",
        caption=f"What is claimed of the world, by who was taught the topic. {seeds_in_words(runs)}"
        "; mean [95 % interval over seeds and prompts]. Accuracy is on pairs of civil, complete "
        "replies that only knowledge tells apart.",
        text=("claim",),
    )


def seeds_note(profile: str) -> Markdown:
    """How far intervals over this many seeds can be trusted."""
    prompts = gather(NOTEBOOK, "prompts", profile=profile)
    return Markdown(
        f"::: {{.callout-note}}\n## {seeds_in_words(prompts)}\n\nSeeds differ in everything here: "
        "facts, text, weights. With few of them an interval over seeds and prompts covers the "
        "truth less often than it says wherever seeds differ more than prompts do; the tests "
        "simulate by how much.\n:::\n"
    )


def sampling_sentence(profile: str) -> Markdown:
    """Whether sampling gives distinct completions, in a sentence."""
    prompts = gather(NOTEBOOK, "prompts", profile=profile)
    distinct, degenerate = (pooled_mean(prompts, name) for name in ("distinct", "degenerate"))
    tau = pooled_mean(prompts.assign(constant=prompts["gold_sd"] < 1e-9), "constant")
    return Markdown(
        f"Of the completions sampled for a prompt, {interval_text(distinct)} are distinct on "
        f"average; log-probability or proxy reward is constant on "
        f"{interval_text(degenerate, 1, percent=True)} % of prompts, and the gold reward on "
        f"{interval_text(tau, 1, percent=True)} %."
    )
