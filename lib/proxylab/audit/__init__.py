"""The audit: the pitfalls of *Elephant in the Room*, and more, as probes of any proxy.

    from proxylab.audit import audit
    print(audit(proxy).to_markdown())

`audit.rule` says when a finding is flagged. A suite of one's own is a list of `Item`s.
"""

from proxylab.audit.calibration import (
    calibrating_slope,
    calibration_table,
    kind_of_subset,
    reliability,
    reliability_table,
)
from proxylab.audit.english import english_probes
from proxylab.audit.findings import findings
from proxylab.audit.probes import (
    Item,
    build_probes,
    check_probes,
    probes_as_pairs,
    write_probes,
)
from proxylab.audit.report import ReportCard, audit, finding_sentence, report_table
from proxylab.audit.rule import FAMILIES, Family
from proxylab.audit.scoring import Scale, scale_of, score_probes
from proxylab.audit.world_suite import world_probes

__all__ = [
    "FAMILIES",
    "Family",
    "Item",
    "ReportCard",
    "Scale",
    "audit",
    "build_probes",
    "calibrating_slope",
    "calibration_table",
    "check_probes",
    "english_probes",
    "finding_sentence",
    "findings",
    "kind_of_subset",
    "probes_as_pairs",
    "reliability",
    "reliability_table",
    "report_table",
    "scale_of",
    "score_probes",
    "world_probes",
    "write_probes",
]
