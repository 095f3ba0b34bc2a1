"""Preference pairs: the pair schema, transcripts, loaders of HH-RLHF and PKU-SafeRLHF, export."""

from proxylab.preferences.export import write_pairs
from proxylab.preferences.facts import describe_pairs, first_questions, without_overlap
from proxylab.preferences.hub import (
    HUB_ID,
    HubUnreachableError,
    download_file,
    download_layout,
)
from proxylab.preferences.loaders import (
    SPLITS,
    SUBSETS,
    data_folder,
    layout_root,
    load_preferences,
)
from proxylab.preferences.safe_rlhf import holds_safe_rlhf, load_safe_rlhf
from proxylab.preferences.schema import (
    PAIR_COLUMNS,
    PreferenceError,
    Preferences,
    Problem,
    ReadReport,
    check_pairs,
    fingerprint,
)
from proxylab.preferences.transcripts import (
    ASSISTANT,
    HUMAN,
    ParsedPair,
    TranscriptError,
    first_human_turn,
    full_text,
    parse_pair,
    to_hh_row,
)

__all__ = [
    "ASSISTANT",
    "HUB_ID",
    "HUMAN",
    "PAIR_COLUMNS",
    "SPLITS",
    "SUBSETS",
    "HubUnreachableError",
    "ParsedPair",
    "PreferenceError",
    "Preferences",
    "Problem",
    "ReadReport",
    "TranscriptError",
    "check_pairs",
    "data_folder",
    "describe_pairs",
    "download_file",
    "download_layout",
    "fingerprint",
    "first_human_turn",
    "first_questions",
    "full_text",
    "holds_safe_rlhf",
    "layout_root",
    "load_preferences",
    "load_safe_rlhf",
    "parse_pair",
    "to_hh_row",
    "without_overlap",
    "write_pairs",
]
