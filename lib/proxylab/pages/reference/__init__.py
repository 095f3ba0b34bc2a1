"""The pages of the library's reference, made from its source: names, signatures, docstrings."""

from proxylab.pages.reference.page import (
    index,
    index_of_all,
    left_out,
    made_by,
    reference,
    style,
)

__all__ = ["index", "index_of_all", "left_out", "made_by", "reference", "style"]
