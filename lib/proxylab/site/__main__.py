"""`python -m proxylab.site`: build the site, and look at it or walk through it if asked to."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import RENDERERS, SiteError, build_site
from .browse import walk_site
from .screenshots import console_findings, take_screenshots


def main(arguments: list[str] | None = None) -> int:
    """Build the site of a project; return 0, or 1 with the findings on standard error."""
    parser = argparse.ArgumentParser(prog="python -m proxylab.site", description=__doc__)
    parser.add_argument("--project", type=Path, default=Path(), help="folder of _quarto.yml")
    parser.add_argument("--build", type=Path, default=Path("build"), help="folder of build outputs")
    parser.add_argument("--renderer", choices=RENDERERS, default="auto")
    parser.add_argument("--screenshots", type=Path, help="also write pictures of every page here")
    parser.add_argument(
        "--walk",
        action="store_true",
        help="also walk every page in a browser",
    )
    options = parser.parse_args(arguments)
    try:
        report = build_site(options.project, options.build, renderer=options.renderer)
        print(report)
        if options.screenshots:
            for width in (1360, 390):
                shots = take_screenshots(
                    report.site, report.pages, options.screenshots, width=width
                )
                if findings := console_findings(shots):
                    raise SiteError("the browser's console is not silent:", findings)
        if options.walk and (findings := walk_site(report.site, report.pages)):
            raise SiteError("a reader would stumble over:", findings)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
