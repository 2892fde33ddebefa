import pytest
import torch

from ascribe import explain, registry
from ascribe.attr import visualization as viz
from ascribe.text import VisualizationDataRecord

NASTY = "</script><img src=x onerror=alert(1)>"


def shown(page, html, tmp_path, whole=True):
    path = tmp_path / "page.html"
    path.write_text(html if whole else f"<!DOCTYPE html><body>{html}</body>", encoding="utf-8")
    page.goto(path.as_uri())


@pytest.fixture
def report(page, tmp_path):
    """The page of a report of two methods and two targets, and one of the explanations."""
    weights = torch.linspace(-1, 1, 3 * 12 * 10).reshape(3, 12, 10)
    model = lambda x: torch.stack([(x * weights).sum((1, 2, 3)), x.sum((1, 2, 3))], 1)  # noqa: E731
    x = torch.rand(1, 3, 12, 10)
    found = [
        explain(model, x, method, target=[0, 1]) for method in ("saliency", "input_x_gradient")
    ]
    object.__setattr__(found[0], "labels", [NASTY, "two"])
    object.__setattr__(found[1], "labels", [NASTY, "two"])
    html = registry.renderers.get("html_report")().render(found, title=NASTY)
    shown(page, html, tmp_path)
    page.wait_for_selector("body[data-ready]")
    return page, found


def pixels(page, number=0):
    return page.locator("canvas").nth(number).evaluate("c => c.toDataURL()")


def test_it_loads_and_names_targets_as_text(report):
    page, _ = report
    assert page.locator("h1").inner_text() == NASTY
    assert page.locator("[role=tab]").all_inner_texts() == [NASTY, "two"]
    assert page.locator("h3").all_inner_texts() == ["Saliency", "InputXGradient"]


def test_tabs_follow_clicks_and_arrow_keys(report):
    page, _ = report
    first = pixels(page, 1)
    page.locator("[role=tab]").nth(1).click()
    page.wait_for_timeout(200)
    assert pixels(page, 1) != first
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(200)
    assert page.locator("[role=tab]").first.get_attribute("aria-selected") == "true"
    assert pixels(page, 1) == first


def test_threshold_opacity_and_sign_change_the_maps(report):
    page, _ = report
    seen = {pixels(page, 1)}
    page.locator("#threshold").fill("60")
    assert page.locator("output[for=threshold]").inner_text() == "60 %"
    seen.add(pixels(page, 1))
    page.locator("#opacity").fill("30")
    seen.add(pixels(page, 1))
    page.locator("#sign").select_option("negative")
    seen.add(pixels(page, 1))
    page.locator("#grey").uncheck()
    seen.add(pixels(page, 1))
    assert len(seen) == 5


def test_arrow_keys_read_the_values(report):
    page, found = report
    page.locator("canvas").nth(1).focus()
    page.keyboard.press("ArrowDown")
    told = page.locator("figure").nth(1).locator(".value").first.inner_text()
    value = float(found[1].values[0, 0].sum(0)[7, 5])
    assert told.startswith("row 7, column 5: ")
    number = float(told.partition(": ")[2].replace("\u2212", "-"))
    assert number == pytest.approx(value, rel=1e-3, abs=1e-4)


def test_it_has_a_light_and_a_dark_face_at_any_width(report):
    page, _ = report
    colour = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(colour)
    page.locator("#theme").click()
    assert page.evaluate(colour) != before
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize(
    "token",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "' onmouseover='alert(1)",
        "&lt;b&gt; &amp;",
        "\u0634\u0643\u0631\u0627",
        "\U0001f469\u200d\U0001f680",
    ],
)
def test_text_is_shown_as_it_is(token, page, tmp_path):
    record = VisualizationDataRecord([1.0, -0.5], 0.9, token, token, token, 1, [token, "end"], 0)
    shown(page, viz.visualize_text([record]).data, tmp_path, whole=False)
    page.wait_for_timeout(100)
    words = page.locator("td span span")
    assert words.all_inner_texts() == [token, "end"]
    assert page.locator("script, img").count() == 0
