"""One figure style: what is drawn (forest, curves, bars) and how it reaches a page (publish)."""

from proxylab.plots.charts import curves, forest, stacked_shares
from proxylab.plots.publish import publish
from proxylab.plots.style import COLOURS, Theme, themed

__all__ = ["COLOURS", "Theme", "curves", "forest", "publish", "stacked_shares", "themed"]
