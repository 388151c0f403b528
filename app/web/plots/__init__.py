"""Plots as the server draws them: numbers become places in an SVG, and the same numbers become a table and a sentence.

Here is the geometry; the macros of templates/components/plots.html draw it: sparkline_plot, line_chart, bar_chart.
Nothing hangs on colour: series differ in dash and mark, what is out of range is said in words, and every plot has its
table. No script and no inline style is needed. Every function returns None where there is nothing to draw.
"""

from app.web.plots.bars import bar_plot
from app.web.plots.lines import line_plot, sparkline
from app.web.plots.shapes import Band, Bar, BarPlot, LinePlot, Point, Series, Sparkline

__all__ = ["Band", "Bar", "BarPlot", "LinePlot", "Point", "Series", "Sparkline", "bar_plot", "line_plot", "sparkline"]
