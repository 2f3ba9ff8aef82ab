"""Markdown as HTML."""

from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from lamo.stores.atomic import replacing

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
  body {{ margin: 1.5rem; color: #1a1a1a; background: #fff; font: 15px/1.5 system-ui, sans-serif; }}
  .scroll {{ overflow-x: auto; margin: 1rem 0; }}
  table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }}
  th, td {{ padding: 0.25rem 0.7rem; border-bottom: 1px solid #ddd; text-align: left; }}
  th {{ border-bottom: 2px solid #888; }}
</style>
{body}
</html>
"""


def as_html(markdown: str) -> Markup:
    """A text as HTML. Tables that are wider than the page can be scrolled. Tags in the text are shown as they are."""
    html = str(_MARKDOWN.render(markdown))
    return Markup(html.replace("<table>", '<div class="scroll"><table>').replace("</table>", "</table></div>"))


def write_page(path: str | Path, title: str, markdown: str) -> None:
    """Write a text as a page of its own, which needs no other file and no network."""
    with replacing(path) as temporary:
        temporary.write_text(_PAGE.format(title=escape(title), body=as_html(markdown)), encoding="utf-8")
