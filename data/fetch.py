"""Fetch HH-RLHF from the Hugging Face hub into the folder layout that the loader reads.

    python data/fetch.py                          # test split of all four subsets, about 4 MB
    python data/fetch.py --split test --split train --out somewhere/hh-rlhf

Then name that folder's parent as the data folder: PROXYLAB_DATA=data/downloads, unless --out said
otherwise. The files are under their own licence (MIT) and are not part of this project. They hold
offensive and upsetting text.
"""

import argparse
import os
import sys
from pathlib import Path

# Running this script is asking for the network; a setting of the user's still wins.
os.environ.setdefault("HF_HUB_OFFLINE", "0")

from proxylab.hub_revisions import HubRevisionError
from proxylab.preferences import (
    SPLITS,
    SUBSETS,
    HubUnreachableError,
    download_layout,
)

DEFAULT_FOLDER = Path(__file__).resolve().parent / "downloads" / "hh-rlhf"


def main(arguments: list[str] | None = None) -> int:
    """Fetch what the command line asks for; 0 if it arrived, 1 if the hub is out of reach."""
    options = _parser().parse_args(arguments)
    try:
        paths = download_layout(
            options.out,
            subsets=options.subset or SUBSETS,
            splits=options.split or ["test"],
            revision=options.revision,
        )
    except (HubRevisionError, HubUnreachableError) as error:
        print(f"fetch: {error}", file=sys.stderr)
        return 1
    print("\n".join(str(path) for path in paths))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=DEFAULT_FOLDER, help="folder of the subsets")
    parser.add_argument("--subset", action="append", choices=SUBSETS, help="default: all four")
    parser.add_argument("--split", action="append", choices=SPLITS, help="default: test")
    parser.add_argument("--revision", help="commit on the hub (default: that of profiles/hub.lock)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
