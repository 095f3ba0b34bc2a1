"""The end of the front page: the runs that its findings and the ledger's count read."""

from IPython.display import Markdown

from proxylab.pages import footer
from proxylab.pages.correlation import judgebench
from proxylab.pages.ledger.entries import run_notebooks


def made_by(profile: str) -> Markdown:
    """Commands, runs, profile, commits, versions and time of everything that the page reads."""
    return footer.made_by("front", sorted({*run_notebooks(), judgebench.NOTEBOOK}), profile)
