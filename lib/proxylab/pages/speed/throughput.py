"""The Speed page on tokens a second, and on the share of the time that an accelerator worked."""

import pandas as pd
from IPython.display import Markdown

from proxylab.pages.speed.rows import hardware_sentence, latest_run, median_interval
from proxylab.tables import interval_text, number, show_table


def throughput_rows(table: pd.DataFrame) -> pd.DataFrame:
    """One row a model and activity: tokens a wall second and a processor second, and busy share.

    Columns: model, activity, parameters, tokens (of one measurement), wall, cpu (Intervals over
    repetitions), busy (median share, NaN without an accelerator).
    """
    rows = []
    for (model, activity), own in table.groupby(["model", "activity"], sort=False):
        rows.append(
            {
                "model": model,
                "activity": activity,
                "parameters": int(own["parameters"].iloc[0]),
                "tokens": int(own["tokens"].iloc[0]),
                "wall": median_interval((own["tokens"] / own["wall_s"]).to_numpy()),
                "cpu": median_interval((own["tokens"] / own["cpu_s"]).to_numpy()),
                "busy": own["busy_share"].median(),
            }
        )
    return pd.DataFrame(rows)


def throughput_table(profile: str, *, name: str = "speed-tokens") -> Markdown:
    """Tokens a second of training, scoring and generation; `name` labels the table."""
    rows = throughput_rows(latest_run(profile, "throughput").table("throughput"))
    shown = pd.DataFrame(
        {
            "model": rows["model"],
            "activity": rows["activity"],
            "parameters": rows["parameters"],
            "tokens a second": [interval_text(wall, 0) for wall in rows["wall"]],
            "a processor second": [interval_text(cpu, 0) for cpu in rows["cpu"]],
            "accelerator busy": [
                f"{number(100 * share, 0)} %" if share == share else "none"
                for share in rows["busy"]
            ],
        }
    )
    return show_table(
        shown,
        label=name,
        caption="Real tokens, padding not counted, at the sizes of this profile's own models. "
        f"Medians over {rows['wall'].iloc[0].n} repetitions with their limits. Training: of the "
        "language model, forward, backward and optimiser. Generation: new tokens only; every reply "
        "is also scored once. Accelerator busy: the share of time in which its driver saw work. "
        f"{hardware_sentence(profile, 'throughput')}",
        text=("model", "activity"),
    )
