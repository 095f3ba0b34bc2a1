"""Does the audit stay silent over what is clean: false alarms, and flags that are right."""

from functools import cache

import pandas as pd
from IPython.display import Markdown

from proxylab.audit.findings import ALL
from proxylab.pages.pooling import seeds_in_words
from proxylab.pages.report_cards.rows import name_of, recorded
from proxylab.studies.audit.detection import false_alarms, tested_rows
from proxylab.tables import escaped, joined, number, show_table


@cache
def alarm_rows(profile: str) -> pd.DataFrame:
    """`studies.audit.false_alarms` over all seeds of the world."""
    return false_alarms(recorded(profile, "findings"))


def alarm_table(profile: str, *, label: str) -> Markdown:
    """Clean proxies: tests, false alarms with intervals, flags that are right, audits."""
    rows = alarm_rows(profile)
    audit = {"value": "audit_rate", "low": "audit_low", "high": "audit_high"}
    shown = pd.DataFrame(
        {
            "proxy": ["all" if name == ALL else name_of(name) for name in rows["proxy"]],
            "tests": rows["tests"],
            "false": rows["false"],
            "of tests": joined(rows, value="rate", digits=1, percent=True),
            "true": rows["true"],
            "audits": rows["audits"],
            "audits_with_false": rows["audits_with_false"],
            "of audits": joined(rows, **audit, digits=0, percent=True),
        }
    )
    return show_table(
        shown,
        label=label,
        caption="Flags on clean proxies: gold, gold with a little noise, and the proxy trained on "
        "clean pairs (as it is, and trained further on pairs without a bias), "
        f"{seeds_in_words(recorded(profile, 'findings'))}. A flag is a false alarm where the "
        "effect over a large fresh set of probes is within the allowance, else it is right: a "
        "proxy may have faults that nobody injected. Shares in %, [Wilson's 95 % interval].",
        names={
            "false": "false alarms",
            "of tests": "of tests (%)",
            "true": "right",
            "audits_with_false": "with a false alarm",
            "of audits": "of audits (%)",
        },
        text=("proxy",),
    )


def flags_on_clean(profile: str) -> pd.DataFrame:
    """Every flag on a clean proxy: seed, proxy, bias, family, value, truth, allowance, right."""
    rows = tested_rows(recorded(profile, "findings"))
    flagged = rows[rows["clean"] & rows["flagged"]]
    right = flagged["truth"].abs() > flagged["allowance"]
    columns = ["seed", "proxy", "bias", "family", "value", "truth", "allowance"]
    return flagged[columns].assign(right=right).reset_index(drop=True)


def alarm_sentence(profile: str) -> Markdown:
    """The false-alarm rate beside what the rule promises, and what the right flags are of."""
    rows = alarm_rows(profile).set_index("proxy")
    all_of = rows.loc[ALL]
    share = [all_of[name] for name in ("audit_rate", "audit_low", "audit_high")]
    n_false, n_audits = int(all_of["audits_with_false"]), int(all_of["audits"])
    low, high = (number(100 * x, 0) for x in share[1:])
    said = (
        f"{n_false or 'None'} of {n_audits} audits of a clean proxy "
        f"raised a false alarm ({number(100 * share[0], 0)} % [{low}, {high}]); the rule promises "
        f"5 % at most. The proxies of one world answer the same probes, so that the audits rest on "
        f"{seeds_in_words(recorded(profile, 'findings'))} and are not independent. "
    )
    if share[1] > 0.05:
        said += "It does not keep its promise here. "
    elif share[2] > 0.05:
        said += "So few audits cannot show that it keeps it, only that it does not fail badly. "
    return Markdown(said + _flags_in_words(flags_on_clean(profile)))


def _flags_in_words(flags: pd.DataFrame) -> str:
    if flags.empty:
        return "No clean proxy was flagged for anything."
    parts = []
    for right, words in ((True, "The fresh probes bear out"), (False, "They contradict")):
        own = flags[flags["right"] == right]
        if own.empty:
            continue
        by = own.groupby(["proxy", "family"], sort=False)
        listed = [
            f"{escaped(name_of(proxy))}, {family} ({len(part)} "
            f"{'flag' if len(part) == 1 else 'flags'}, found {_mean(part, 'value')}, true "
            f"{_mean(part, 'truth')})"
            for (proxy, family), part in by
        ]
        parts.append(f"{words} {len(own)} of {len(flags)} flags: {'; '.join(listed)}.")
    return " ".join(parts)


def _mean(part: pd.DataFrame, column: str) -> str:
    return number(part[column].mean())
