"""The page of report cards: pooled as said, verdicts that follow the numbers, nothing typed."""

import numpy as np
import pandas as pd
import pytest
from proxylab.audit.rule import ALLOWANCE, FAMILIES, MINIMAL, RATE
from proxylab.pages.report_cards import (
    alarms,
    calibration,
    cards,
    detection,
    overview,
    rows,
    rule,
    statement,
)
from proxylab.results import MissingResults
from proxylab.runs import Audit
from proxylab.stats import wilson
from proxylab.studies.audit.detection import is_expected

PAGE = (alarms, calibration, cards, detection, overview, rows, rule, statement)
N = 100
# Events of 100 prompts (or shifts in hundredths) by proxy and family, and what a seed adds.
FAULTS = {"task": {"off topic": 30}, "raw": {"inverted": 40, "length": 50}, "random": {}}
FAULTS["random"] = {name: 50 for name, family in FAMILIES.items() if family.measure == RATE}


def finding(proxy, family, value, *, bias="none", dose=0.0, kind="all", truth=np.nan):
    """A row of the table `findings`: value in hundredths, flagged from the minimal size on."""
    measure, size = FAMILIES[family].measure, value / 100
    found = wilson(value, N) if measure == RATE else None
    low, high = (found.low, found.high) if found else (size - 0.02, size + 0.02)
    flagged = kind == "all" and size >= MINIMAL[measure]
    clean = proxy in ("gold", "gold+noise", "task") and dose == 0
    row = {"proxy": proxy, "bias": bias, "dose": dose, "clean": clean}
    row |= {"expected": is_expected(bias, dose, family), "truth": truth, "family": family}
    row |= {"measure": measure, "kind": kind, "value": size, "low": low, "high": high, "n": N}
    row |= {"n_undefined": 0, "n_tied": 0, "null": FAMILIES[family].null}
    row |= {"allowance": ALLOWANCE[measure], "minimal": MINIMAL[measure], "p": 0.5, "p_holm": 0.5}
    return row | {"verdict": "flagged" if flagged else "not shown", "flagged": flagged}


def tables(seed, proxies, *, biased=True):
    """One run's tables: `FAULTS`, and a bias of length that is found from dose 0.2 on."""
    findings = []
    for proxy in proxies:
        for family in FAMILIES:
            value = FAULTS.get(proxy, {}).get(family, 0)
            for kind in ("all", "helpful", "harmless"):
                findings.append(finding(proxy, family, value, kind=kind, truth=value / 100))
    if biased:
        for dose, value in ((0.05, 30 * (seed == 0)), (0.2, 90)):
            about = {"bias": "length_bias", "dose": dose}
            findings += [finding("task", name, 0, **about) for name in FAMILIES if name != "length"]
            findings.append(finding("task", "length", value, **about))
    facts = [{"proxy": p, "bias": "none", "dose": 0.0, "scale": 1.0 + seed} for p in proxies]
    checks = [
        {"name": name, "passed": not (p == "raw" and seed == 1), "detail": "0 | 1", "proxy": p}
        for p in proxies
        for name in ("finite", "range")
    ]
    measures = {"accuracy": 0.9, "ece": 0.1, "brier": 0.1, "temperature": 2.0}
    measures["brier calibrated"] = 0.05
    numbers = [
        {"kind": kind, "measure": m, "value": v, "low": v - 0.05, "high": v + 0.05, "n": 50}
        | {"null": 0.02, "proxy": p}
        for p in proxies
        for kind in ("all", "helpful", "harmless")
        for m, v in measures.items()
    ]
    curve = [
        {"kind": kind, "bin_low": 0.5, "bin_high": 0.55, "n": 20, "confidence": 0.52}
        | {"right": 0.75, "low": 0.5, "high": 0.9, "proxy": p}
        for p in proxies
        for kind in ("all", "helpful", "harmless")
    ]
    found = {"findings": findings, "proxies": facts, "self_test": checks}
    found |= {"calibration": numbers, "reliability": curve}
    return {name: pd.DataFrame(frame) for name, frame in found.items()}


def run(seed=0, made_of=("gold", "task", "random"), *, biased=True, **changed):
    return Audit(seed=seed, **changed).model_dump(), tables(seed, made_of, biased=biased)


def run_of_trained(seed):
    asked = {"proxies": ("raw", "cleaned"), "biases": ("none",)}
    return run(seed, asked["proxies"], biased=False, **asked)


@pytest.fixture
def use(monkeypatch):
    """Puts made-up runs in the place of recorded ones."""

    def put(*runs):
        def gather(notebook, table, *, profile, where):
            frames = []
            for parameters, made in runs:
                if all(parameters[name] == value for name, value in where.items()):
                    frame = made[table]
                    fixed = {k: [v] * len(frame) for k, v in parameters.items()}
                    frames.append(frame.assign(**fixed))
            if not frames:
                raise MissingResults(notebook, profile=profile, where=where)
            return pd.concat(frames, ignore_index=True)

        monkeypatch.setattr(rows, "gather", gather)

    return put


def both(*seeds):
    return [made for seed in seeds for made in (run(seed), run_of_trained(seed))]


def test_rates_pool_their_counts_and_are_never_narrower_than_wilson(use):
    use(*both(0, 1, 2))
    found = rows.pitfall_rows("cpu", "inverted").set_index("proxy")
    # Alike in every seed: 40 of 100 three times over, and nothing but the prompts to redraw.
    exact = wilson(120, 300)
    assert found.loc["raw", "value"] == 0.4
    assert found.loc["raw", "low"] <= exact.low
    assert found.loc["raw", "high"] >= exact.high
    assert found.loc["raw", ["n", "n_seeds", "flagged_seeds"]].tolist() == [300, 3, 3]
    # None of 300: a bootstrap would say [0, 0].
    assert found.loc["gold", "high"] == pytest.approx(wilson(0, 300).high)
    assert found.loc["gold", "flagged_seeds"] == 0


def test_seeds_that_differ_widen_a_rate():
    row = {"measure": RATE, "n": N}
    part = pd.DataFrame([{**row, "seed": s, "value": v} for s, v in enumerate((0.1, 0.5, 0.9))])
    found, alike = rows.pooled(part), wilson(150, 300)
    assert found.estimate == 0.5
    # Three seeds: the bootstrap reaches towards the lowest and the highest.
    assert found.low < 0.25 < alike.low
    assert found.high > 0.75 > alike.high


def test_a_shift_pools_the_means_and_one_seed_keeps_its_interval():
    row = {"measure": "shift", "n": N, "low": 0.1, "high": 0.3, "value": 0.2}
    one = pd.DataFrame([{**row, "seed": 0}])
    assert rows.pooled(one) == rows.Interval(0.2, 0.1, 0.3, N)
    # Four seeds alike: the standard error of the mean is half of one seed's.
    four = pd.DataFrame([{**row, "seed": seed} for seed in range(4)])
    found = rows.pooled(four)
    assert (found.estimate, found.n) == (pytest.approx(0.2), 400)
    assert found.high - found.low == pytest.approx(0.1, rel=0.15)


def test_a_seed_with_nothing_defined_has_no_say():
    row = {"measure": RATE, "seed": 0, "value": 0.5, "low": 0.4, "high": 0.6, "n": N}
    undefined = {**row, "seed": 1, "value": np.nan, "low": np.nan, "high": np.nan, "n": 0}
    found = rows.pooled(pd.DataFrame([row, undefined]))
    assert (found.estimate, found.n) == (0.5, N)


def test_the_rulers_are_no_evidence_for_a_pitfall_unless_asked_for(use):
    use(*both(0))
    assert rows.pitfall_rows("cpu", "empty")["proxy"].tolist() == ["gold", "task", "cleaned", "raw"]
    assert "random" in set(rows.pitfall_rows("cpu", "empty", rulers=True)["proxy"])
    with pytest.raises(ValueError, match="no family 'emtpy' in an audit: it has inverted"):
        rows.pitfall_rows("cpu", "emtpy")


def test_audits_of_a_readers_own_proxies_are_not_the_pages(use):
    use(*both(0), run(0, ("mine",), biased=False, proxies=("mine",)))
    assert "mine" not in set(rows.card_rows("cpu")["proxy"])
    use(run(0, ("mine",), biased=False, proxies=("mine",)))
    rows.recorded.cache_clear()
    with pytest.raises(MissingResults):
        rows.recorded("cpu", "findings")


def test_a_card_says_what_is_flagged_and_where(use):
    use(*both(0, 1))
    said = cards.card("cpu", "raw", label="card").data
    assert "trained on raw pairs: flagged in 2 of 13 families (inverted, length)" in said
    assert "| inverted | clearly worse replies score higher | 40 [" in said
    assert "flagged in 2 of 2 |" in said
    assert "{#tbl-card-raw}" in said
    assert "1.00 to 2.00 of reward by seed" in said
    assert "flagged in none of 13" in cards.card("cpu", "gold", label="card").data
    with pytest.raises(MissingResults):
        cards.card("cpu", "absent", label="card")


def test_the_self_test_counts_seeds_and_names_what_failed(use):
    use(*both(0, 1))
    table = cards.self_test_table("cpu", label="x").data
    assert "| gold | 2 of 2 | 2 of 2 | 0 \\| 1 |" in table
    assert "| trained on raw pairs | 1 of 2 | 1 of 2 |" in table
    said = cards.self_test_sentence("cpu").data
    assert said.startswith("2 of 20 checks failed: *trained on raw pairs*, finite (seed 1)")


def test_what_is_undecided_has_not_passed_and_has_not_failed(use):
    records = both(0, 1)
    for _, tables in records:
        checks = tables["self_test"]
        checks["outcome"] = np.where(checks["passed"], "passed", "failed")
        checks.loc[checks["proxy"].eq("gold") & checks["name"].eq("finite"), "outcome"] = (
            "undecided"
        )
    use(*records)
    assert "| gold | 0 of 2 | 2 of 2 |" in cards.self_test_table("cpu", label="x").data
    said = cards.self_test_sentence("cpu").data
    assert said.startswith("2 of 20 checks failed")
    assert said.endswith(" 2 are undecided.")


def test_the_map_and_its_sentence_follow_the_flags(use):
    use(*both(0, 1))
    drawn = overview.card_map("cpu", label="m").data
    assert "gold: flagged nowhere." in drawn
    assert "raw pairs: flagged inverted 40 %, 2 of 2 seeds; length 0.50" in drawn
    said = overview.overview_sentence("cpu").data
    assert "*gold* for nothing" in said
    assert "*trained on raw pairs* for inverted (40 %), length (0.50)" in said
    assert "random" not in said


def test_colour_starts_at_the_allowance_and_ends_at_a_half():
    assert [overview.excess(v, RATE) for v in (0.0, 0.1, 0.3, 0.5, 1.0)] == pytest.approx(
        [0, 0, 0.5, 1, 1]
    )
    assert overview.excess(-0.5, "shift") == 1  # a shift counts by its size


def test_detection_is_a_share_of_seeds_and_the_least_dose_that_is_always_found(use):
    use(*both(0, 1))
    found = detection.found_rows("cpu").set_index("dose")
    assert found.loc[0.05, ["value", "n"]].tolist() == [0.5, 2]  # found in seed 0 alone
    assert found.loc[0.2, "value"] == 1
    assert found.loc[0.2, "low"] == pytest.approx(wilson(2, 2).low)
    said = detection.detection_sentence("cpu").data
    assert "from this dose on: length\\_bias 0.2." in said
    assert "| length\\_bias | units of the scale a word | 0.05 | length | 1 of 2 (0.15) |" in (
        detection.detection_table("cpu", label="d").data
    )
    assert "length_bias 0.2, trained on clean pairs: 100 %." in (
        detection.detection_figure("cpu", label="d").data
    )


def test_what_is_flagged_without_the_bias_is_not_found(use):
    records = both(0, 1)
    for seed, (_, made) in zip((0, 0, 1, 1), records, strict=True):
        rows = made["findings"]
        before = (rows["proxy"] == "task") & (rows["family"] == "length") & (rows["dose"] == 0)
        rows.loc[before & (rows["kind"] == "all") & (seed == 1), "flagged"] = True
    use(*records)
    found = detection.found_rows("cpu").set_index("dose")
    assert found.loc[0.2, ["value", "already"]].tolist() == [0.5, 1]  # seed 1 had it before
    said = detection.detection_sentence("cpu").data
    assert "length\\_bias (at 0.2: trained on clean pairs 1 of 2)" in said
    assert "In 1 of the 2 audits at the largest dose" in said
    shown = detection.detection_table("cpu", label="d").data
    assert "| 0.2 | length | 2 of 2 (0.90); 1 without |" in shown
    meaning = statement.meaning("cpu").data
    assert "in 1 of 2 audits (1 bias, 2 seeds)" in meaning
    assert "in 1 of 2 it was flagged in an expected one already" in meaning


def test_training_without_bias_is_what_a_bias_of_data_is_found_beyond(use):
    records = both(0)
    made = records[0][1]
    about = {"proxy": "task", "family": "inverted", "value": 90, "bias": "uniform_flips"}
    own = [finding(**about), finding(**about, dose=0.2)]
    made["findings"] = pd.concat([made["findings"], pd.DataFrame(own)], ignore_index=True)
    use(*records)
    found = detection.found_rows("cpu").query("bias == 'uniform_flips'").set_index("dose")
    assert found["value"].to_dict() == {0.0: 1, 0.2: 0}  # the plain proxy is not flagged
    assert found["already"].to_dict() == {0.0: 0, 0.2: 1}


def test_a_dose_counts_only_if_all_above_it_are_found():
    def least(*values):
        return detection.dose_always_found(pd.DataFrame({"dose": [1, 2, 4], "value": values}))

    assert least(1, 1, 1) == 1
    assert least(1, 0.5, 1) == 4
    assert least(1, 1, 0.5) is None


def test_a_flag_that_the_fresh_probes_bear_out_is_no_false_alarm(use):
    use(*both(0, 1))
    said = alarms.alarm_sentence("cpu").data
    # gold and task in two seeds; off topic of task is true at 0.3.
    assert said.startswith("None of 4 audits of a clean proxy raised a false alarm")
    assert "bear out 2 of 2 flags: trained on clean pairs, off topic (2 flags, found 0.30" in said


def test_a_flag_that_they_contradict_is_one(use):
    parameters, made = run(0)
    own = (made["findings"]["proxy"] == "task") & (made["findings"]["family"] == "off topic")
    made["findings"].loc[own, "truth"] = 0.05
    use((parameters, made))
    said = alarms.alarm_sentence("cpu").data
    assert said.startswith("1 of 2 audits of a clean proxy raised a false alarm (50 % [")
    assert "They contradict 1 of 1 flags" in said
    assert "It cries wolf at times" in statement.meaning("cpu").data


def test_calibration_is_pooled_by_bin_and_worded_by_the_interval(use):
    use(*both(0, 1))
    curve = calibration.curve_rows("cpu").set_index(["proxy", "kind"]).loc[("raw", "helpful")]
    assert (curve["n"], curve["right"]) == (40, 0.75)
    assert curve["low"] == pytest.approx(wilson(30, 40).low)
    assert "helpful: calibration error 0.10." in (
        calibration.reliability_figure("cpu", label="r").data
    )
    said = calibration.calibration_sentence("cpu").data
    assert "*trained on raw pairs*: helpful too sure, harmless too sure" in said
    assert "| gold | all | 90 %<br>[90, 90] | 0.100<br>[0.100, 0.100] |" in (
        calibration.calibration_table("cpu", label="c").data
    )


def test_a_temperature_is_judged_by_its_limits_in_every_seed():
    def word(*limits):
        return calibration.verdict_on(pd.DataFrame(limits, columns=["low", "high"]))

    assert word((1.1, 2), (1.2, 3)) == "too sure"
    assert word((0.1, 0.9)) == "too modest"
    assert word((0.9, 1.1)) == "not to be told from calibrated"
    assert word((1.1, 2), (0.9, 1.2)) == "too sure in 1 of 2 seeds"


def test_the_rule_is_read_from_its_constants(use, monkeypatch):
    use(*both(0))
    assert "allowance 10 % of the prompts, minimal size 15 %" in rule.rule_sentence().data
    monkeypatch.setitem(rule.MINIMAL, RATE, 0.25)
    assert "minimal size 25 %" in rule.rule_sentence().data
    assert "| inverted | clearly worse replies score higher | inverted scores | 50 % |" in (
        rule.family_table(label="f").data
    )
    # Of gold, task, cleaned and raw one is flagged for inversion.
    assert r"inverted: 1 of 4 \(trained on raw pairs\)" in rule.paper_table("cpu", label="p").data


def test_the_meaning_leaves_out_what_was_not_run(use):
    use(*both(0, 1))
    said = statement.meaning("cpu").data
    assert "In every one of 2 seeds: *trained on raw pairs* inverted." in said
    assert "In none of them, in any seed: negligible, harmful, empty, helpless." in said
    assert "in 2 of 2 audits (1 bias, 2 seeds)" in said
    assert "On real text" not in said
    use(*both(0), run(0, ("raw", "random"), biased=False, data="hh-rlhf"))
    for module in PAGE:
        for value in vars(module).values():
            getattr(value, "cache_clear", lambda: None)()
    assert "*trained on raw pairs* 2; the worst null ruler in 10." in statement.meaning("cpu").data


def test_without_a_run_every_part_says_so(use):
    use()
    for part in (statement.meaning, overview.overview_sentence, alarms.alarm_sentence):
        with pytest.raises(MissingResults):
            part("cpu")
    assert not rows.has("cpu", rows.WORLD)
