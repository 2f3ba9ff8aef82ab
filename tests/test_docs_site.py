"""The documentation site: it is built without a warning, and every link inside of it leads somewhere."""

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[1]


class Page(HTMLParser):
    """Places of an HTML page that can be linked to, its links, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            if name in ("href", "src") and value:
                self.links.append(value)
                # What a browser fetches by itself.
                if tag != "a" and dict(attrs).get("rel") not in ("index", "search", "next", "prev", "author"):
                    self.loaded.append(value)


@pytest.fixture(scope="module")
def site(made_once) -> Path:
    """The site as `make docs` builds it."""

    def build(folder: Path) -> None:
        options = ["-q", "-W", "--keep-going", "-c", "docs", "-d", str(folder / "doctrees")]
        command = [sys.executable, "-m", "sphinx", *options, ".", str(folder / "site")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-5000:]

    return made_once("site", build) / "site"


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def test_every_link_inside_leads_somewhere(site, pages):
    broken, followed = [], 0
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            followed += 1
            known = pages[target].ids if target in pages and parts.fragment else {parts.fragment}
            if not target.is_file() or parts.fragment not in known:
                broken.append(f"{path.relative_to(site)}: {link}")
    assert followed > 1000
    assert broken == []


def test_it_asks_nobody_for_anything(pages):
    """Scripts, styles and pictures lie in the site: it can be read without a network."""
    assert {link for page in pages.values() for link in page.loaded if urlsplit(link).netloc} == set()


def test_every_page_of_the_repository_is_a_page_of_the_site(site):
    sources = [
        *ROOT.glob("*.md"),
        ROOT / "config" / "README.md",
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("docs/examples/*.ipynb"),
    ]
    assert [path for path in sources if not (site / path.relative_to(ROOT)).with_suffix(".html").is_file()] == []


def test_the_first_page_leads_to_the_documents(site):
    assert "docs/index.html" in (site / "index.html").read_text(encoding="utf-8")


def test_the_public_names_are_in_the_reference(site):
    import lamo

    page = Page(site / "docs" / "api.html")
    for name, module in lamo.LAZY.items():
        assert f"{module}.{name}" in page.ids
