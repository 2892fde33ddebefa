"""A page in headless Chromium that tells of errors, of dialogs and of requests to any host."""

import os
import shutil

import pytest

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

NAMES = ("chromium", "chromium-browser", "google-chrome")


# Not for longer than a module: while it runs, no other event loop can in this thread.
@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium, or CHROMIUM=/path/to/it")
    with playwright.sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield made
        made.close()


@pytest.fixture(scope="module")
def one_page(browser):
    made = browser.new_page()
    made.told = []
    made.on("console", lambda message: made.told.append(message.text))
    made.on("pageerror", lambda error: made.told.append(str(error)))
    made.on("dialog", lambda dialog: (made.told.append("a dialog"), dialog.dismiss()))
    made.on("request", lambda request: made.told.append(request.url))
    made.set_default_timeout(20_000)
    return made


@pytest.fixture
def page(one_page):
    """A page on which nothing but what is asked for may happen: `page.told` lists what did."""
    one_page.goto("about:blank")
    one_page.set_viewport_size({"width": 1280, "height": 900})
    one_page.emulate_media(color_scheme="light")
    one_page.told.clear()
    yield one_page
    assert one_page.told == []


@pytest.fixture
def show(page, tmp_path):
    """Open a report, or a piece of HTML, and return the page once all is drawn."""

    def call(html):
        path = tmp_path / "page.html"
        whole = html.startswith("<!DOCTYPE html>")
        path.write_text(html if whole else f"<!DOCTYPE html><body>{html}</body>", encoding="utf-8")
        page.goto(path.as_uri())
        if whole:
            page.wait_for_selector("body[data-ready]")
        page.told.remove(path.as_uri())
        page.told[:] = [told for told in page.told if not told.startswith("data:image/png;")]
        return page

    return call
