"""The ledger: every item has a row and an entry, and verdicts follow from intervals alone."""

from pathlib import Path

import pandas as pd
import pytest
from proxylab.pages.ledger import elephant, entries, on_text, places, rule, targeting
from proxylab.pages.ledger import table as page
from proxylab.pages.ledger.rule import Found
from proxylab.pages.reference import rooms
from proxylab.pages.verdicts import HIGHER, LOWER, NOISE, NOT_AFTER_HOLM, ONE_SEED
from proxylab.paper_values import GRADES, paper_table
from proxylab.results import MissingResults
from proxylab.shf_cas import FAULTS

ROOT = Path(__file__).parents[2]


def comparisons(*verdicts):
    return pd.DataFrame({"verdict": verdicts})


@pytest.mark.parametrize(
    ("verdicts", "expected", "found"),
    [
        ((HIGHER, NOISE), 1, rule.SAME),
        ((HIGHER, NOISE), -1, rule.DIFFERS),
        ((LOWER,), -1, rule.SAME),
        ((HIGHER, LOWER), 1, rule.MIXED),
        # Clear alone is not clear: Holm's correction decides. One seed decides nothing.
        ((NOISE, NOT_AFTER_HOLM, ONE_SEED), 1, rule.UNTOLD),
        ((), 1, rule.NOT_RUN),
    ],
)
def test_a_direction_is_judged_by_what_is_clear(verdicts, expected, found):
    assert rule.by_direction(comparisons(*verdicts), expected=expected) == found


def test_a_direction_must_be_one():
    with pytest.raises(ValueError, match="expected must be 1"):
        rule.by_direction(comparisons(HIGHER), expected=0)


def test_a_check_holds_or_not():
    assert rule.by_check(True) == rule.CHECKED
    assert rule.by_check(False) == rule.DIFFERS


def test_counts_are_said():
    assert rule.clear_of(comparisons(HIGHER, NOISE, LOWER)) == "2 of 3 clear after Holm"
    assert rule.clear_of(comparisons(ONE_SEED, ONE_SEED)) == "one seed, not judged"
    assert rule.tally([rule.UNTOLD, rule.SAME, rule.UNTOLD]) == {rule.SAME: 1, rule.UNTOLD: 2}


def test_every_table_and_figure_of_the_papers_has_a_row():
    """Elephant has equations 1 to 3, tables 1 to 8, figures 1 to 8 and five pitfalls."""
    items = entries.items()
    elephant = set(items.loc[items["paper"] == "elephant", "item"])
    numbered = {"equation": 3, "table": 8, "figure": 8, "pitfall": 5}
    wanted = {f"{kind} {i}" for kind, n in numbered.items() for i in range(1, n + 1)}
    assert wanted <= elephant
    assert {"appendix B.1", "appendix B.2"} <= elephant
    targeting = set(items.loc[items["paper"] == "targeting", "item"])
    assert {"PACS", "Kendall-Tau distance", "SHF-CAS", "safety", "helpfulness"} <= targeting


@pytest.mark.parametrize("paper", ["elephant", "targeting"])
def test_every_table_with_values_on_record_has_a_row(paper):
    """What stands in data/paper must be answered for: tables by number, figures by name."""
    names = {"gaussian": "Gaussian table", "coverage": "coverage table"}
    recorded = pd.read_csv(ROOT / "data" / "paper" / f"{paper}.csv", dtype="str")["table"].unique()
    items = set(entries.items().query("paper == @paper")["item"])
    for table in recorded:
        assert len(paper_table(paper, table))
        name = f"table {table}" if table.isdigit() else names.get(table, table)
        assert name in items or table == "settings" or paper == "neighbours", name


def test_an_item_without_an_entry_is_named(monkeypatch):
    short = {"elephant": entries.ELEPHANT, "targeting": dict(entries.TARGETING)}
    del short["targeting"]["PACS"]
    monkeypatch.setattr(entries, "ENTRIES", short)
    with pytest.raises(ValueError, match=r"targeting, 'PACS': not in pages/ledger/entries.py"):
        entries.items()


def test_every_row_is_graded_and_its_places_exist():
    assert set(entries.items()["grade"]) <= set(GRADES)
    for found in entries.ENTRIES.values():
        for item, entry in found.items():
            code = ROOT / "lib/proxylab" / entry.code.replace(".", "/")
            assert code.is_dir() or code.with_suffix(".py").is_file(), item
            for name in entry.runs:
                assert (ROOT / f"notebooks/runs/{name}.ipynb").is_file(), item
            page_file = (ROOT / "notebooks/pages" / places.page_target(entry)).resolve()
            assert Path(str(page_file).partition("#")[0]).is_file(), item


def anchors():
    """Every place of the reference pages that a link may name, as the pages write them."""
    found = set()
    for entry in rooms.all_entries():
        places_of = (f"room-{entry.room}", f"module-{entry.module}", rooms.anchor(entry))
        found |= {f"{entry.page}.ipynb#{place}" for place in places_of}
    return found


def test_runs_and_code_lead_to_places_of_the_reference():
    known = anchors()
    for found in entries.ENTRIES.values():
        for item, entry in found.items():
            assert places.code_target(entry.code) in known, item
            assert {places.run_target(name) for name in entry.runs} <= known, item


def test_a_link_leads_to_a_module_else_to_what_holds_it():
    assert places.code_target("alignment.dpo").endswith("#module-alignment.dpo")
    assert places.code_target("shf_cas").endswith("#room-shf_cas")
    assert places.code_target("world.lexicon").endswith("#room-world")  # no public name of its own
    with pytest.raises(ValueError, match="no room 'studies'"):
        places.code_target("studies.alignment")


def test_a_missing_run_keeps_its_row(monkeypatch):
    def missing(profile):
        raise MissingResults("align", profile=profile)

    entry = entries.Entry("dpo", ("align",), "alignment", missing)
    found = page._found(entry, "cpu")
    assert found == Found("needs runs of `align`", rule.NOT_RUN)


def test_the_table_shows_item_report_and_verdict(monkeypatch):
    rows = entries.items().assign(ours="0.1", profile="cpu", verdict=rule.UNTOLD, where="`x`")
    monkeypatch.setattr(page, "ledger", lambda profile: rows)
    text = page.ledger_table("cpu", "targeting").data
    assert text.count("cannot be told") == (rows["paper"] == "targeting").sum()
    assert "#tbl-ledger-targeting" in text
    assert "the six categories" not in text  # an item of the other paper
    said = page.tally_sentence("cpu").data
    assert f"{len(rows[rows['paper'] == 'elephant'])} rows: cannot be told" in said


@pytest.mark.parametrize(
    ("verdict", "found"),
    [
        (HIGHER, rule.SAME),
        (LOWER, rule.DIFFERS),
        (NOISE, rule.UNTOLD),
        (NOT_AFTER_HOLM, rule.UNTOLD),  # whatever its own interval
        (ONE_SEED, rule.UNTOLD),
    ],
)
def test_table_4_is_judged_by_the_verdict_on_cleaned_less_raw(monkeypatch, verdict, found):
    models = {"model": ["trained on cleaned", "trained on raw"], "value": [0.7, 0.6]}
    rows = pd.DataFrame(models).assign(low=0.5, high=0.8, labels="cleaned", subset="mixed")
    pair = {"a": "trained on cleaned", "b": "trained on raw", "value": 0.05}
    pair |= {"low": 0.01, "high": 0.09, "verdict": verdict}
    monkeypatch.setattr(elephant.reward_models, "accuracy_rows", lambda *_: rows)
    monkeypatch.setattr(elephant.reward_models, "comparisons", lambda *_: pd.DataFrame([pair]))
    assert elephant.accuracy_table("cpu").verdict == found


@pytest.mark.parametrize(("identical", "empty"), [(0, 0), (3, 0), (0, 2), (3, 2)])
def test_exact_counts_decide_what_is_in_the_data(monkeypatch, identical, empty):
    read = pd.DataFrame(
        {
            "split": "test",
            "subset": ["helpful-rejection-sampled", "harmless-base"],
            "identical": [identical, 0],
            "empty": [0, empty],
            "n_pairs": 10,
        }
    )
    monkeypatch.setattr(elephant, "gather", lambda *_, **__: read)
    # Figure 7 says that there are none; figure 8 that both kinds exist.
    claimed = elephant.contradiction("cpu").verdict
    assert claimed == (rule.DIFFERS if identical or empty else rule.SAME)
    both = elephant.noise_cases("cpu").verdict
    assert both == (rule.SAME if identical and empty else rule.DIFFERS)


def test_our_own_notes_are_checked_and_never_called_a_match(monkeypatch):
    table = pd.DataFrame({"z": [0.0, 2.5]})  # of two values the limit at 5 % is 2.24
    monkeypatch.setattr(targeting, "notes_and_ours", lambda profile: table)
    assert targeting.gaussian("cpu").verdict == rule.DIFFERS
    monkeypatch.setattr(targeting, "notes_and_ours", lambda profile: table.assign(z=[0.0, 2.2]))
    assert targeting.gaussian("cpu").verdict == rule.CHECKED
    assert not any("match" in name for name in rule.MEANINGS)


@pytest.mark.parametrize(("possible", "found"), [(True, rule.CHECKED), (False, rule.DIFFERS)])
def test_our_own_arithmetic_is_checked_and_is_no_difference(monkeypatch, possible, found):
    rows = pd.DataFrame({"possible": [True, possible]})
    monkeypatch.setattr(elephant.published, "possible_rows", lambda *_: rows)
    assert elephant.arithmetic("cpu").verdict == found


def test_a_row_names_its_profile_where_something_is_run(monkeypatch):
    item = entries.items().head(1)
    monkeypatch.setattr(page, "items", lambda: item)
    monkeypatch.setattr(page, "_found", lambda entry, profile: Found("x", rule.CHECKED))
    page.ledger.cache_clear()
    own = page.ledger("cpu")
    runs = entries.ENTRIES["elephant"][item["item"].iloc[0]].runs
    assert own["profile"].tolist() == ["cpu" if runs else page.DASH]
    page.ledger.cache_clear()


def text_rows(*verdicts, **more):
    """Comparisons on HH-RLHF as its page gives them."""
    table = pd.DataFrame({"verdict": verdicts}).assign(value=0.1, low=-0.2, high=0.4, n_seeds=3)
    return table.assign(**more)


def test_real_text_stands_in_the_row_and_counts(monkeypatch):
    world = text_rows(NOISE, measure=["gold"], selector="conflict", p=0.5)
    monkeypatch.setattr(targeting.overview, "tasks", lambda profile: ["safety"])
    monkeypatch.setattr(targeting.rows, "against_random", lambda *_: world)
    monkeypatch.setattr(targeting.rows, "compared", lambda *_: world)
    monkeypatch.setattr(targeting.rows, "with_directions", lambda table: table)
    real = text_rows(HIGHER, task="harmless", selector="conflict", measure="gold")
    monkeypatch.setattr(on_text.feedback, "against_random", lambda profile: real)
    found = targeting.against("safety")("cpu")
    assert "[HH-RLHF](real_text.ipynb) (*harmless*): gold − random 0.100 [−0.200" in found.ours
    assert found.ours.endswith("3 seeds; 1 of 1 clear after Holm")
    assert found.verdict == rule.SAME


def test_feedback_is_judged_in_the_family_of_its_page(monkeypatch):
    def less(profile, task, baseline, wanted=None):
        names = [name for name in ("conflict", "random", "rso", "oracle") if name != baseline]
        rows = [{"measure": m, "selector": name} for m in ("gold", "accuracy") for name in names]
        table = pd.DataFrame(rows).assign(value=0.2, low=0.1, high=0.3, n_seeds=12, p=0.5)
        # 0.011 is clear among four comparisons, and not among six.
        return table.assign(p=table["p"].mask(table["selector"] == "conflict", 0.011))

    def missing(profile):
        raise MissingResults("shf_cas", profile=profile)

    monkeypatch.setattr(targeting.overview, "tasks", lambda profile: ["safety"])
    monkeypatch.setattr(targeting.rows, "compared", less)
    monkeypatch.setattr(on_text.feedback, "against_random", missing)
    targeting.rows.against_random.cache_clear()
    found = targeting.against("safety")("cpu")
    targeting.rows.against_random.cache_clear()
    assert "0 of 4 clear after Holm over 6 comparisons with random and 6 with rso" in found.ours
    assert found.verdict == rule.UNTOLD


def test_text_that_was_not_run_leaves_the_row(monkeypatch):
    def missing(profile):
        raise MissingResults("shf_cas", profile=profile)

    monkeypatch.setattr(on_text.feedback, "against_random", missing)
    real = on_text.beside(on_text.feedback_gains, "cpu", "safety")
    assert real.said == "[HH-RLHF](real_text.ipynb): needs runs of `shf_cas`"
    assert real.rows.empty


def test_faults_are_counted_not_typed(monkeypatch):
    table = text_rows(NOISE, NOISE, fault=["a", "b"], selector="conflict", measure="gold")
    monkeypatch.setattr(targeting.faults, "fault_effects", lambda profile: table)
    assert targeting.released_faults("cpu").ours.startswith(f"2 of the {len(FAULTS)} faults")
    about = entries.items().set_index("item").loc["released faults", "about"]
    assert about == "faults of the released code"  # how many is said by the result
