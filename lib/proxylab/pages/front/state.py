"""What the site was made with, for pages that are written by hand and read no recorded run.

Left out: which runs a page reads, of which the footer of every other page tells.
"""

from datetime import UTC, datetime

from IPython.display import Markdown

from proxylab.environment import project_root
from proxylab.results.provenance import git_state, package_versions, python_version
from proxylab.tables import escaped


def site_state(profile: str) -> Markdown:
    """Profile, commit, versions and time of the site, for pages whose text is written by hand."""
    state = git_state(project_root())
    changed = " with uncommitted changes" if state["dirty"] else ""
    versions = ", ".join(f"{name} {version}" for name, version in package_versions().items())
    return Markdown(
        f"The site: profile {escaped(profile)}; commit {(state['commit'] or 'no checkout')[:12]}"
        f"{changed}; {python_version()}; {escaped(versions)}. Executed "
        f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S+00:00}."
    )
