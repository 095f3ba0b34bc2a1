"""What the page comes to, written from its results."""

from IPython.display import Markdown

from proxylab.audit.rule import FAMILIES
from proxylab.pages.report_cards import alarms, calibration, detection
from proxylab.pages.report_cards.rows import (
    PITFALLS,
    REAL,
    RULERS,
    TRAINED,
    WORLD,
    card_rows,
    name_of,
    recorded,
)
from proxylab.results import MissingResults
from proxylab.tables import escaped, number


def meaning(profile: str) -> Markdown:
    """One point for each part of the page that has results; nothing for the others.

    Raises MissingResults when there is none at all.
    """
    points, missing = [], None
    for point in (_pitfalls, _detection, _alarms, _calibration, _real):
        try:
            points.append(point(profile))
        except MissingResults as error:
            missing = error
    if not points:
        raise missing
    return Markdown("\n".join(f"- {text}" for text in points if text) + "\n")


def _pitfalls(profile: str) -> str:
    rows = card_rows(profile)
    rows = rows[~rows["proxy"].isin(RULERS) & rows["family"].isin(PITFALLS)]
    trained = rows[rows["proxy"].isin((*TRAINED, "task"))]
    always = trained[trained["flagged_seeds"] == trained["n_seeds"]]
    by_proxy = [
        f"*{escaped(name_of(name))}* {', '.join(own['family'])}"
        for name, own in always.groupby("proxy", sort=False)
    ]
    n_proxies, n_seeds = trained["proxy"].nunique(), int(trained["n_seeds"].max())
    never = [
        family
        for family in PITFALLS
        if not (trained.loc[trained["family"] == family, "flagged_seeds"] > 0).any()
    ]
    said = (
        f"In every one of {n_seeds} seeds: {'; '.join(by_proxy)}."
        if by_proxy
        else f"None of the five is flagged in every one of {n_seeds} seeds."
    )
    models = "model" if n_proxies == 1 else "models"
    absent = f" In none of them, in any seed: {', '.join(never)}." if never else ""
    return (
        f"**The paper's pitfalls in {n_proxies} reward {models} trained in the world.** {said}"
        f"{absent} Each is a rate with an interval and not an example, so that two proxies can be "
        "set side by side."
    )


def _detection(profile: str) -> str:
    top = detection.at_largest_dose(profile)
    n, n_seeds, n_biases = int(top["n"].sum()), int(top["n"].max()), top["bias"].nunique()
    return (
        f"**Injected biases are found at their largest dose** in {detection.n_found(top)} of {n} "
        f"audits ({n_biases} {'bias' if n_biases == 1 else 'biases'}, {n_seeds} seeds), by a "
        f"family that the proxy is not flagged for without the bias; in {top['already'].sum()} of "
        f"{n} it was flagged in an expected one already. The least dose "
        f"that is always found is in @tbl-audit-detection. With {n_seeds} seeds a detection rate "
        "is known to within tens of points and no better."
    )


def _alarms(profile: str) -> str:
    all_of = alarms.alarm_rows(profile).iloc[-1]
    flags = alarms.flags_on_clean(profile)
    n_right = int(flags["right"].sum())
    true = (
        f" {n_right} of its {len(flags)} flags on them are of faults that the fresh probes "
        "confirm: a proxy trained on clean pairs is not a clean proxy."
        if n_right
        else ""
    )
    n_false, n = int(all_of["audits_with_false"]), int(all_of["audits"])
    return (
        f"**It does not cry wolf, as far as {n} audits can say**: {n_false} of {n} audits of clean "
        f"proxies raise a false alarm (at most {number(100 * all_of['audit_high'], 0)} %, with "
        f"95 % confidence if audits of one world were independent).{true}"
        if not n_false
        else f"**It cries wolf at times**: {n_false} of {n} audits of clean proxies raise a false "
        f"alarm [{number(100 * all_of['audit_low'], 0)}, "
        f"{number(100 * all_of['audit_high'], 0)}] %.{true}"
    )


def _calibration(profile: str) -> str:
    found = recorded(profile, "calibration", WORLD)
    own = found[(found["measure"] == "temperature") & ~found["proxy"].isin(RULERS)]
    own = own[own["kind"] == calibration.ALL]
    verdicts = {
        name: calibration.verdict_on(part) for name, part in own.groupby("proxy", sort=False)
    }
    said = "; ".join(f"*{escaped(name_of(name))}* {text}" for name, text in verdicts.items())
    return (
        f"**A Bradley-Terry probability is a claim to be checked.** Over all pairs: {said}. One "
        "temperature repairs what is only a matter of scale."
    )


def _real(profile: str) -> str:
    rows = card_rows(profile, REAL)
    own = rows[rows["proxy"].isin(TRAINED)]
    said = [
        f"*{escaped(name_of(name))}* {int((part['flagged_seeds'] > 0).sum())}"
        for name, part in own.groupby("proxy", sort=False)
    ]
    rulers = rows[rows["proxy"].isin(RULERS)].groupby("proxy")["flagged_seeds"]
    most = int(rulers.apply(lambda seeds: (seeds > 0).sum()).max())
    return (
        f"**On real text** small models trained on HH-RLHF are flagged, of {len(FAMILIES)} "
        f"families: {'; '.join(said)}; the worst null ruler in {most}. They are small and their "
        "training data is a sample: what holds of them is no verdict on larger ones, which "
        "one line audits (see below)."
    )
