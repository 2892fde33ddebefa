"""A page in headless Chromium that tells of errors and of requests to any host."""

import os
import shutil

import pytest

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("needs Chromium: apt install chromium, or CHROMIUM=/path/to/it")
    with playwright.sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield made
        made.close()


@pytest.fixture
def page(browser):
    made = browser.new_page(viewport={"width": 1200, "height": 900})
    made.told = []
    made.on("console", lambda message: made.told.append(message.text))
    made.on("pageerror", lambda error: made.told.append(str(error)))
    made.on("dialog", lambda dialog: (made.told.append("a dialog"), dialog.dismiss()))
    made.on("request", lambda request: made.told.append(request.url) if "://" in request.url
            and not request.url.startswith("file://") else None)  # fmt: skip
    yield made
    assert made.told == []
    made.close()
