"""The comparisons of all pages: every family, in the order of the page of what did not work."""

from functools import partial

from proxylab.pages.negative_results import alignment, conflict, proxies, speed, text
from proxylab.pages.negative_results.family import Family
from proxylab.pages.reward_models import REAL, WORLD

FAMILIES = (
    Family(
        "reward_models",
        "accuracy in the world, points",
        partial(alignment.accuracies, data=WORLD),
        percent=True,
    ),
    Family(
        "reward_models",
        "accuracy on HH-RLHF, points",
        partial(alignment.accuracies, data=REAL),
        percent=True,
    ),
    Family("dpo", "gold reward of policies", alignment.dpo_gains),
    Family("dpo", "gold lost by another wording", alignment.dpo_drops),
    Family("dpo", "share of held-out labels followed, points", alignment.dpo_follows, percent=True),
    Family("ppo", "gold reward of policies", alignment.ppo_contrasts),
    Family("ppo", "slope on accuracy", alignment.ppo_slope),
    Family("ppo", "rank correlation with the final gold reward", alignment.ppo_ranks),
    Family(
        "pro", "win less lose, good − poor reward model, points", alignment.pro_net, percent=True
    ),
    Family("overoptimisation", "how curves end", alignment.curve_ends),
    Family("overoptimisation", "gold after a round of feedback", alignment.after_feedback),
    Family(
        "conflict_metrics",
        "AUROC of conflict for a wrong proxy (chance 0.5)",
        conflict.conflict_areas,
    ),
    Family("conflict_metrics", "who is wrong, points", conflict.conflict_outcomes, percent=True),
    Family(
        "conflict_metrics",
        "HH-RLHF, proxy wrong where policy and proxy differ less where they agree, points",
        conflict.conflict_text,
        percent=True,
    ),
    Family("shf_cas", "selectors less random", conflict.selectors),
    Family("shf_cas", "high less low conflict", conflict.high_less_low),
    Family("shf_cas", "gold of the optimised policy", conflict.trained_policies),
    Family("shf_cas", "faults of the released code, switched on", conflict.fault_changes),
    Family("ablations", "does the finding hold, AUROC", conflict.does_it_hold),
    Family("ablations", "completions and temperature, change of AUROC", conflict.samplings),
    Family("ablations", "kind and dose of bias, change of AUROC", conflict.bias_kinds),
    Family("ablations", "variants of the loop, change of conflict's gain", conflict.loop_variants),
    Family("ablations", "gain of conflict over random by topic", conflict.by_quadrant),
    Family(
        "real_text",
        "published labels followed (a coin: 50), %",
        text.labels_followed,
        percent=True,
    ),
    Family(
        "real_text", "published labels followed, gold − proxy, points", text.gold_lead, percent=True
    ),
    Family("real_text", "correlation with gold, taught − not taught", text.gap_in_order),
    Family(
        "real_text",
        "accuracy of the proxy, taught − not taught, points",
        text.gap_in_pairs,
        percent=True,
    ),
    Family(
        "real_text",
        "accuracy of the proxy where it was taught (a coin: 50), %",
        text.right_where_taught,
        percent=True,
    ),
    Family("real_text", "AUROC of conflict for a wrong proxy (chance 0.5)", text.wrong_proxies),
    Family("real_text", "AUROC of other scores less that of conflict", text.other_scores),
    Family("real_text", "what feedback could gain", text.to_gain),
    Family("real_text", "selectors less random", text.selectors),
    Family("real_text", "aligned policies less the start policy", text.policies),
    Family("real_text", "DPO from cleaned pairs less from raw ones", text.cleaned_pairs),
    Family("real_text", "how best-of-n ends", text.curve_ends),
    Family(
        "report_cards",
        "injected biases found at their largest dose, beyond what is flagged without, % of seeds",
        proxies.injected_biases,
        percent=True,
    ),
    Family("correlation", "agreement with people where the proxy chose", proxies.chosen_by_proxy),
    Family("correlation", "published reward models, points", proxies.published_models),
    Family(
        "correlation",
        "published reward models by task, points",
        proxies.published_models_by_task,
    ),
    Family(
        "judges_and_people",
        "judges, win less lose, less gold's, points",
        proxies.judges_less_gold,
        percent=True,
    ),
    Family(
        "judges_and_people",
        "judges, good − poor reward model, points",
        proxies.judges_on_proxies,
        percent=True,
    ),
    Family(
        "judges_and_people",
        "a judge's favour for the first place, less gold, points",
        proxies.position_bias,
        percent=True,
    ),
    Family(
        "judges_and_people",
        "aggregated labels less the majority's, points",
        proxies.aggregated_labels,
        percent=True,
    ),
    Family(
        "judges_and_people",
        "people's unseen votes, less the majority, points",
        proxies.unseen_votes,
        percent=True,
    ),
    Family(
        "judges_and_people",
        "accuracy learnt from sets cleaned otherwise, points",
        proxies.cleaned_by,
        percent=True,
    ),
    Family("speed", "times our time, by another way (equal: 1)", speed.times_ours),
)
