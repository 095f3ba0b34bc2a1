"""The command line: `python -m proxylab run | page | site | audit | cost | pin | doctor`."""

import argparse
import os
import sys
import time
from pathlib import Path

from proxylab.environment import ProjectRootNotFound, build_folder, project_root


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 failed, 2 not understood."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except ProjectRootNotFound as error:
        return _fail(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="proxylab", description="Run the parts of Proxy Lab.")
    commands = parser.add_subparsers(required=True, metavar="command")

    run = commands.add_parser("run", help="execute a run notebook and record its result")
    _notebook_options(run)
    run.add_argument("--force", action="store_true", help="run even if the result is there")
    run.set_defaults(command=_run)

    page = commands.add_parser("page", help="execute a page notebook into build/pages")
    _notebook_options(page)
    page.set_defaults(command=_page)

    site = commands.add_parser("site", help="render the site from the executed pages")
    site.add_argument("--renderer", choices=("auto", "quarto", "preview"), default="auto")
    site.set_defaults(command=_site)

    audit = commands.add_parser("audit", help="self-test and audit a proxy: its report card")
    _audit_options(audit)
    audit.set_defaults(command=_audit)

    cost = commands.add_parser("cost", help="what a profile's batch would cost, before it is run")
    _cost_options(cost)
    cost.set_defaults(command=_cost)

    pin = commands.add_parser("pin", help="write down the hub's commits of what a profile names")
    pin.add_argument("--profile", required=True, help="such as paper")
    pin.add_argument("--refresh", action="store_true", help="ask anew for those written down too")
    pin.set_defaults(command=_pin)

    doctor = commands.add_parser("doctor", help="say what is installed and what will be used")
    doctor.set_defaults(command=_doctor)
    return parser


def _notebook_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebook", type=Path, help="such as notebooks/runs/clean.ipynb")
    parser.add_argument(
        "-p",
        dest="parameters",
        action="append",
        nargs=2,
        default=[],
        metavar=("NAME", "VALUE"),
        help="override a parameter; may be given several times",
    )


def _audit_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "dpo:POLICY,REFERENCE and ranker:FOLDER are proxies too; -1 turns a cost model"
    forms = "a folder, a hub id, a file of scores, module:function or file.py:function"
    parser.add_argument("source", nargs="?", help=forms)
    labelled = "calibrate on labelled pairs: world, hh-rlhf, hub or a folder in HH-RLHF's layout"
    parser.add_argument("--data", help=labelled)
    parser.add_argument("--pairs", type=Path, help="such a folder, or pairs as JSON lines")
    parser.add_argument("--probes", choices=("english", "world"), help="default: as the data")
    parser.add_argument("--orientation", type=int, choices=(1, -1), help="-1: lower is better")
    parser.add_argument("--template", help="plain or chat; of a ranker its text")
    parser.add_argument("--name", help="what the proxy is called on its card")
    parser.add_argument("--out", type=Path, metavar="FILE.md", help="write the card there too")
    elsewhere = "write every text to be scored elsewhere: probes, labelled pairs, completions"
    parser.add_argument("--write-texts", type=Path, metavar="FILE.jsonl", help=elsewhere)
    parser.add_argument("--task", help="of the world, whose completions --write-texts adds")
    pairs = "the probes as pairs, for what only compares replies"
    parser.add_argument("--write-probes", type=Path, metavar="FILE.jsonl", help=pairs)
    parser.add_argument("--profile", default="cpu", help="of the world (cpu)")
    parser.add_argument("--seed", type=int, default=0, help="of the world (0)")


def _cost_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", default="paper", help="whose batch (paper)")
    parser.add_argument("--device", help="of data/cost/devices.csv (h100)")
    parser.add_argument("--utilisation", type=float, help="share of the device's peak (0.3)")
    parser.add_argument("--price-per-hour", type=float, help="of one device, in any money")
    parser.add_argument("--measure", action="store_true", help="time steps on this machine instead")


def _run(options: argparse.Namespace) -> int:
    from proxylab import runner  # papermill takes a second to import

    started = time.monotonic()
    try:
        given = _parameters(options)
        _say_cost_of_download(options.notebook.stem, given)
        report = runner.run_notebook(options.notebook, given, force=options.force)
    except (ValueError, runner.NotebookFailed) as error:
        return _fail(error)
    shown = report.result.relative_to(project_root())
    if report.skipped:
        print(f"{options.notebook.stem}: {shown} is there already (--force runs it again)")
    else:
        print(f"{options.notebook.stem}: {shown} in {time.monotonic() - started:.1f} s")
    return 0


def _page(options: argparse.Namespace) -> int:
    from proxylab import runner

    started = time.monotonic()
    try:
        executed = runner.execute_page(options.notebook, _parameters(options))
    except (ValueError, runner.NotebookFailed) as error:
        return _fail(error)
    shown = executed.relative_to(project_root())
    print(f"{options.notebook.stem}: {shown} in {time.monotonic() - started:.1f} s")
    return 0


def _parameters(options: argparse.Namespace) -> dict[str, object]:
    from proxylab.runner import parse_value

    return {name: parse_value(value) for name, value in options.parameters}


def _site(options: argparse.Namespace) -> int:
    from proxylab.site import SiteError, build_site

    root = project_root()
    try:
        report = build_site(root, build_folder(root), renderer=options.renderer)
    except SiteError as error:
        return _fail(error)
    print(f"{report}\nopen {report.site / 'index.html'}")
    return 0


def _audit(options: argparse.Namespace) -> int:
    from proxylab.studies.audit import command  # torch takes seconds to import

    try:
        print(command.run(options))
    except (ValueError, OSError) as error:
        return _fail(error)
    return 0


def _say_cost_of_download(notebook: str, values: dict[str, object]) -> None:
    """What a run may fetch and cost, where it may fetch at all."""
    if os.environ.get("HF_HUB_OFFLINE", "1") != "0":
        return
    from proxylab.cost.command import before_download  # the profiles' models take seconds
    from proxylab.machine.processes import is_main

    notice = before_download(notebook, values)
    if notice and is_main():
        print(notice, flush=True)


def _cost(options: argparse.Namespace) -> int:
    from proxylab.cost import command  # torch takes seconds to import
    from proxylab.runner import NotebookFailed

    try:
        print(command.run(options))
    except (ValueError, NotebookFailed) as error:
        return _fail(error)
    return 0


def _pin(options: argparse.Namespace) -> int:
    from proxylab.hub_revisions import pin_profile
    from proxylab.profiles import load_profile

    try:
        pinned = pin_profile(load_profile(options.profile), refresh=options.refresh)
    except ValueError as error:
        return _fail(error)
    print("\n".join(f"{name}: {commit}" for name, commit in pinned.items()))
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from proxylab.doctor import report

    print("\n".join(report()))
    return 0


def _fail(error: Exception) -> int:
    print(f"proxylab: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
