"""The front page: headlines follow verdicts, real text stands beside the world, nothing is lost."""

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from proxylab.pages.front import chain, findings, state, story
from proxylab.pages.ledger.on_text import Beside
from proxylab.pages.verdicts import HIGHER, LOWER, NOISE, NOT_AFTER_HOLM, ONE_SEED
from proxylab.results import MissingResults
from proxylab.site.outputs import notebooks_shown

ROOT = Path(__file__).parents[2]
WRITTEN = ["notebooks/pages/glossary.qmd", "CHANGELOG.md"]
WRITTEN += [f"data/cards/{path.name}" for path in sorted((ROOT / "data/cards").glob("*.md"))]
STATE = "notebooks/pages/site_state.ipynb"


def missing(profile, *_):
    raise MissingResults("align", profile=profile)


def judged(*verdicts, **more):
    """One comparison a verdict, with an interval that nobody reads here."""
    table = pd.DataFrame({"verdict": verdicts}).assign(value=0.1, low=0.0, high=0.2, n_seeds=3)
    return table.assign(**more)


@pytest.fixture
def no_text(monkeypatch):
    """HH-RLHF has not been run."""
    for name in ("areas", "feedback_gains"):
        monkeypatch.setattr(findings, name, missing)


def test_a_finding_whose_runs_are_missing_says_so(monkeypatch):
    for name in ("trial", "conflict", "feedback"):
        monkeypatch.setattr(findings, name, missing)
    monkeypatch.setattr(findings, "optimisation", lambda profile: "Found.")
    lines = findings.findings("cpu").data.splitlines()
    assert lines[0] == "1. Not run yet in profile `cpu`: runs of `align`."
    assert lines[3:] == ["4. Found."]  # four findings and no more: they fit a screen


@pytest.fixture
def chain_of_results(monkeypatch):
    """PRO, PPO and cleaning, each with one verdict of its own."""

    def made(pro=NOISE, ppo=NOISE, cleaned=NOISE):
        less = f"{findings.policy_name(findings.GOOD)} − {findings.policy_name(findings.POOR)}"
        pair = judged(cleaned, a="trained on cleaned", b="trained on raw")
        monkeypatch.setattr(findings.wins, "net_differences", lambda _: judged(pro, subset="mixed"))
        monkeypatch.setattr(findings.outcomes, "contrasts", lambda _: judged(ppo, comparison=less))
        monkeypatch.setattr(findings.reward_models, "comparisons", lambda *_: pair)
        return findings.optimisation("cpu")

    return made


@pytest.mark.parametrize(
    ("pro", "ppo", "said"),
    [
        (HIGHER, NOISE, "PRO's policies win more with a better reward model; PPO's cannot be told"),
        (LOWER, HIGHER, "PRO's policies win less with a better reward model; PPO's gain gold"),
        (NOISE, LOWER, "PRO's policies cannot be told to win more with a better reward model; PPO"),
    ],
)
def test_the_headline_names_the_algorithm_and_follows_its_verdict(chain_of_results, pro, ppo, said):
    text = chain_of_results(pro=pro, ppo=ppo)
    assert text.startswith(f"**In the controlled world {said}")
    assert "PPO 0.10 [0.00, 0.20] in gold (" in text


def test_ppo_that_was_not_run_is_said_and_leaves_pro(chain_of_results, monkeypatch):
    chain_of_results()
    monkeypatch.setattr(findings.outcomes, "contrasts", missing)
    text = findings.optimisation("cpu")
    assert "PPO's have not been compared.**" in text
    assert "PRO 10.0 [0.0, 20.0] points of win less lose" in text


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (HIGHER, "clear after Holm;"),
        (LOWER, "clear after Holm;"),
        (NOISE, "noise;"),
        (NOT_AFTER_HOLM, "clear alone, not after Holm;"),
        (ONE_SEED, "one seed;"),
    ],
)
def test_what_cleaning_does_is_said_by_the_verdict(chain_of_results, verdict, said):
    text = chain_of_results(cleaned=verdict)
    assert f"cleaned less raw data 10.0 [0.0, 20.0] points of accuracy ({said}" in text


def test_without_both_reward_models_there_is_nothing_to_compare(monkeypatch):
    none = pd.DataFrame(columns=["subset", "value", "low", "high", "verdict"])
    monkeypatch.setattr(findings.wins, "net_differences", lambda profile: none)
    with pytest.raises(MissingResults, match="algorithm = pro"):
        findings.optimisation("smoke")


def two_tasks(monkeypatch):
    taught, untaught = findings.TAUGHT[True], findings.TAUGHT[False]
    row = {"task": "safety", taught: "0.7", untaught: "0.5", "n_seeds": 5}
    rows = [
        row | {f"{taught}: verdict": HIGHER, f"{untaught}: verdict": NOISE},
        row | {f"{taught}: verdict": NOISE, f"{untaught}: verdict": NOISE},
    ]
    monkeypatch.setattr(findings, "finding", lambda profile: pd.DataFrame(rows))


def test_conflict_is_counted_by_what_is_clear_and_real_text_stands_beside(monkeypatch):
    two_tasks(monkeypatch)
    real = Beside("", judged(NOISE, NOISE, task=["harmless", "helpful"]))
    monkeypatch.setattr(findings, "areas", lambda profile: real)
    text = findings.conflict("cpu")
    assert text.startswith(
        "**In the controlled world conflict finds wrong proxies in 1 of 2 tasks where the policy "
        "was taught, 0 where not; on HH-RLHF in 0 of 2.**"
    )
    assert "HH-RLHF: harmless 0.10 [0.00, 0.20], helpful 0.10 [0.00, 0.20] (3 seeds" in text


def test_conflict_without_real_text_says_that_it_was_not_run(monkeypatch, no_text):
    two_tasks(monkeypatch)
    text = findings.conflict("cpu")
    assert "0 where not; on HH-RLHF not run.**" in text
    assert "HH-RLHF: not run ([real text](real_text.ipynb))." in text


def test_feedback_counts_the_world_and_real_text_apart(monkeypatch):
    own = judged(HIGHER, LOWER, selector="conflict", measure=["gold", "accuracy"])
    monkeypatch.setattr(findings, "tasks", lambda profile: ["safety", "helpfulness"])
    monkeypatch.setattr(findings.shf, "against_random", lambda *_: own)
    real = Beside("", judged(NOISE, task="harmless", selector="conflict", measure="gold"))
    monkeypatch.setattr(findings, "feedback_gains", lambda *_: real)
    text = findings.feedback("cpu")
    assert "beat random ones in 2 of 2 tasks; on HH-RLHF in 0 of 2.**" in text
    assert text.endswith("2 of 4 are noise.")


def test_every_page_of_the_chain_exists_and_is_named_once():
    files = [name for part in (*chain.CHAIN, chain.FEEDBACK) for name in part.pages]
    assert len(files) == len(set(files))
    for name in files:
        assert (ROOT / f"notebooks/pages/{name}.ipynb").is_file(), name


def test_words_of_the_chain_lie_in_their_boxes_and_on_no_other_words():
    figure = Figure(figsize=(chain.WIDTH, chain.HEIGHT))
    chain._draw(figure)
    figure.canvas.draw()
    ax = figure.axes[0]
    boxes = [p.get_window_extent() for p in ax.patches if isinstance(p, FancyBboxPatch)]
    words = [text for text in ax.texts if text.get_text()]
    places = [text.get_window_extent() for text in words]
    for text, place in zip(words, places, strict=True):
        inside = [b for b in boxes if b.x0 <= place.x0 and place.x1 <= b.x1]
        fits = any(b.y0 <= place.y0 and place.y1 <= b.y1 for b in inside)
        assert fits or text.get_text() == chain.DIRECT, text.get_text()
    for i, place in enumerate(places):
        assert not any(place.overlaps(other) for other in places[i + 1 :]), words[i].get_text()
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


def test_the_story_without_real_text_says_so(monkeypatch):
    monkeypatch.setattr(story.on_text, "conflict_areas", missing)
    areas, said = story._text_areas("cpu")
    assert areas.empty
    assert said == "HH-RLHF has not been run in this profile"


def test_reading_and_running_stand_before_the_long_table_and_the_end_is_last():
    text = (ROOT / "index.qmd").read_text()
    order = ["## What was found", "## How to read it", "## How to run it", "{#tbl-pages}"]
    places = [text.index(part) for part in [*order, "front_end.ipynb", STATE]]
    assert places == sorted(places)
    assert len(notebooks_shown(text)) == 4


@pytest.mark.parametrize("source", WRITTEN)
def test_pages_written_by_hand_say_so_at_their_end(source):
    text = (ROOT / source).read_text()
    end = text[text.index("## How this page was made") :]
    assert f"This page is `{source}`, written by hand." in end
    assert notebooks_shown(end) == [STATE]


def test_the_state_of_the_site_names_profile_commit_versions_and_time():
    text = state.site_state("smoke").data
    assert re.match(r"The site: profile smoke; commit (\w{12}|no checkout)", text)
    assert "proxylab" in text
    assert re.search(r"Executed \d{4}-\d\d-\d\dT[\d:]{8}\+00:00\.$", text)


def test_both_papers_have_one_title_wherever_they_are_cited():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())["references"]
    bibliography = (ROOT / "references.bib").read_text()
    titles = re.findall(r"^  title = \{(.*)\},$", bibliography, re.MULTILINE)
    plain = {title.replace("{", "").replace("}", "") for title in titles}
    assert {reference["title"] for reference in cited} <= plain
