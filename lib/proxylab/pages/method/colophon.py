"""The end of a page that reads no recorded run: how to make it again."""

from IPython.display import Markdown


def computed_here(page: str) -> Markdown:
    """The command for a page whose few numbers are computed when it is executed.

    Arguments: `page`, the name of its notebook without the suffix.
    """
    notebook = f"notebooks/pages/{page}.ipynb"
    return Markdown(
        "## How this page was made {.unnumbered}\n\n"
        f"```\npython -m proxylab page {notebook}\n```\n\n"
        f"This page is `{notebook}`. It reads no recorded run: the library computes its few "
        "numbers when the page is executed, the same ones everywhere."
    )
