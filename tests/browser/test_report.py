"""The report of pictures: what it shows, and what its controls do to the pixels."""

import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image

from ascribe import explain, registry

FOR, AGAINST, MAGNITUDE = (178, 24, 43), (33, 102, 172), (84, 39, 143)
SIZE = (12, 10)


def render(*args, **options):
    return registry.renderers.get("html_report")().render(*args, **options)


@pytest.fixture(scope="module")
def explanations():
    """Of two methods and two targets, on a white picture of 12 by 10 pixels."""
    weights = torch.randn(3, *SIZE, generator=torch.Generator().manual_seed(0))
    model = lambda x: torch.stack([(x * weights).sum((1, 2, 3)), x.sum((1, 2, 3))], 1)  # noqa: E731
    x = torch.ones(1, 3, *SIZE)
    found = [
        explain(model, x, name, target=[0, 1])
        for name in ("input_x_gradient", "integrated_gradients")
    ]
    return [dataclasses.replace(one, labels=["one", "two"]) for one in found]


@pytest.fixture
def report(show, explanations):
    return show(render(explanations, title="A report", outlier_perc=0))


def pixels(page, number=1):
    """The pixels of a canvas (height, width, 4); number 0 is the picture alone."""
    canvas = page.locator("canvas").nth(number)
    numbers = canvas.evaluate(
        "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)"
    )
    return np.array(numbers).reshape(*SIZE, 4)


def painted(values, sign="all", threshold=0.0, opacity=0.8):
    """What should be seen of a map (height, width) over a white picture."""
    shown = {"all": values, "positive": values.clip(0), "negative": values.clip(max=0)}.get(
        sign, values
    )
    strength = np.abs(shown) / np.abs(values).max()
    alpha = (opacity * np.where(strength < threshold, 0, strength))[..., None]
    ink = np.where((values > 0)[..., None], FOR, AGAINST)
    ink = np.broadcast_to(MAGNITUDE, ink.shape) if sign == "absolute_value" else ink
    return 255 * (1 - alpha) + ink * alpha


def map_of(explanation, target=0):
    return explanation.values[target, 0].double().sum(0).numpy()


def test_it_shows_the_picture_the_methods_and_the_targets(report, explanations):
    assert report.title() == report.locator("h1").inner_text() == "A report"
    assert report.locator("figure h3").all_inner_texts() == [
        "Picture",
        "InputXGradient",
        "IntegratedGradients",
    ]
    scores = [f"{float(score):.4g}".replace("-", "\u2212") for score in explanations[0].scores]
    assert report.locator("[role=tab] bdi").all_inner_texts() == ["one", "two"]
    assert report.locator("[role=tab] small").all_inner_texts() == scores
    assert (pixels(report, 0) == 255).all()


def test_maps_are_drawn_in_red_and_blue_over_the_picture(report, explanations):
    for number, one in enumerate(explanations, start=1):
        seen = pixels(report, number)
        np.testing.assert_allclose(seen[..., :3], painted(map_of(one)), atol=1.5)
        assert (seen[..., 3] == 255).all()
    ends = report.locator("figure .legend").nth(1).inner_text()
    peak = f"{np.abs(map_of(explanations[0])).max():.2f}"
    assert ends.split() == [f"\u2212{peak}", f"+{peak}"]


def test_the_other_target_is_a_click_away(report, explanations):
    report.locator("[role=tab]").nth(1).click()
    expected = painted(map_of(explanations[1], target=1))
    np.testing.assert_allclose(pixels(report, 2)[..., :3], expected, atol=1.5)
    assert report.locator("[role=tabpanel]").get_attribute("aria-labelledby") == "tab-0-1"


@pytest.mark.parametrize("sign", ["positive", "negative", "absolute_value"])
def test_the_sign_chooses_what_is_drawn(sign, report, explanations):
    report.locator(f"[name=sign][value={sign}]").check()
    expected = painted(map_of(explanations[0]), sign)
    np.testing.assert_allclose(pixels(report)[..., :3], expected, atol=1.5)


def test_the_threshold_hides_what_is_weaker(report, explanations):
    report.locator("#threshold").fill("60")
    assert report.locator("output[for=threshold]").inner_text() == "60 %"
    expected = painted(map_of(explanations[0]), threshold=0.6)
    np.testing.assert_allclose(pixels(report)[..., :3], expected, atol=1.5)
    assert (expected == 255).all(-1).any()


def test_the_opacity_is_that_of_the_map(report, explanations):
    report.locator("#opacity").fill("30")
    expected = painted(map_of(explanations[0]), opacity=0.3)
    np.testing.assert_allclose(pixels(report)[..., :3], expected, atol=1.5)
    report.locator("#opacity").fill("0")
    assert (pixels(report) == 255).all()


def test_smoothing_spreads_a_map_and_leaves_what_is_read(report, explanations):
    canvas = report.locator("canvas").nth(1)
    canvas.focus()
    report.keyboard.press("ArrowDown")
    read = report.locator(".marker span").nth(1).inner_text()
    rough = pixels(report)
    report.locator("#smoothing").fill("5")
    # Neighbours come closer to each other, and colours stay as strong as they were.
    steps = [np.abs(np.diff(seen.astype(float), axis=1)).sum() for seen in (rough, pixels(report))]
    assert steps[1] < steps[0]
    report.locator("#smoothing").fill("0")
    assert (pixels(report) == rough).all()
    report.locator("#smoothing").fill("5")
    canvas.focus()
    report.keyboard.press("ArrowDown")
    assert report.locator(".marker span").nth(1).inner_text() == read


def test_the_picture_may_keep_its_colours(show, explanations):
    red = np.zeros((1, *SIZE, 3))
    red[..., 0] = 1
    report = show(render([dataclasses.replace(one, original=red) for one in explanations]))
    report.locator("#opacity").fill("0")
    assert (pixels(report)[..., :3] == round(0.299 * 255)).all()
    report.locator("#grey").uncheck()
    assert (pixels(report)[..., :3] == (255, 0, 0)).all()
    assert (pixels(report, 0)[..., :3] == (255, 0, 0)).all()


def test_pointing_reads_the_values_of_all_maps(report, explanations):
    canvas = report.locator("canvas").nth(1)
    box = canvas.bounding_box()
    row, column = 7, 3
    at = {
        "x": box["width"] * (column + 0.5) / SIZE[1],
        "y": box["height"] * (row + 0.5) / SIZE[0],
    }
    canvas.hover(position=at)
    assert f"row {row}, column {column}" in report.locator("figure").first.inner_text()
    for number, one in enumerate(explanations, start=1):
        read = report.locator(".marker span").nth(number).inner_text().replace("\u2212", "-")
        assert float(read) == pytest.approx(map_of(one)[row, column], rel=2e-3, abs=1e-3)
    report.locator("h1").hover()
    assert not report.locator(".marker").nth(1).is_visible()


def test_everything_can_be_done_by_keyboard(report, explanations):
    """From the top by the Tab key: theme, sign, sliders, tabs, maps, notes."""

    def focused():
        return report.evaluate(
            "() => { const e = document.activeElement;"
            "return e.id || e.name || e.getAttribute('role') || e.tagName }"
        )

    order = []
    for _ in range(11):
        report.keyboard.press("Tab")
        order.append(focused())
        ring = report.evaluate(
            "() => { const e = document.activeElement;"
            "const on = e.name === 'sign' ? e.nextElementSibling : e;"
            "return getComputedStyle(on).outlineStyle }"
        )
        assert ring in ("solid", "auto"), f"{order[-1]} shows no focus"
        if order[-1] == "sign":
            report.keyboard.press("ArrowRight")
            assert report.locator("[value=positive]").is_checked()
            report.keyboard.press("ArrowLeft")
        if order[-1] == "threshold":
            report.keyboard.press("ArrowRight")
            assert report.locator("output[for=threshold]").inner_text() == "1 %"
            report.keyboard.press("Home")
        if order[-1] == "tab-0-0":
            report.keyboard.press("ArrowRight")
            assert focused() == "tab-0-1"
            report.keyboard.press("ArrowRight")
            assert focused() == "tab-0-0"
            report.keyboard.press("End")
            assert focused() == "tab-0-1"
            report.keyboard.press("Home")
            assert report.locator("#tab-0-0").get_attribute("aria-selected") == "true"
            assert report.locator("[role=tab][tabindex='0']").count() == 1
    assert order[:7] == ["theme", "sign", "threshold", "opacity", "smoothing", "grey", "tab-0-0"]
    assert order[7:10] == ["application"] * 3
    assert order[10] == "region"


def test_arrow_keys_read_values_aloud(report, explanations):
    report.locator("canvas").nth(2).focus()
    report.keyboard.press("ArrowDown")
    report.keyboard.press("Shift+ArrowLeft")
    told = report.locator("[role=status]").inner_text()
    assert told.startswith(f"row {SIZE[0] // 2 + 1}, column 0: InputXGradient ")
    assert "; IntegratedGradients " in told
    report.keyboard.press("Escape")
    assert not report.locator(".marker").nth(2).is_visible()


def test_controls_and_maps_have_names(report):
    for control in report.locator("input, button, canvas, [tabindex='0']").all():
        named = control.evaluate(
            "e => e.getAttribute('aria-label') || e.innerText"
            "|| (e.closest('label') && e.closest('label').innerText)"
        )
        assert named


def contrast(page, selector):
    """How the ink of an element stands out from the page, as WCAG 2 measures it."""
    ink, paper = (
        [int(float(n)) for n in page.evaluate(f"getComputedStyle({what}).{part}")[4:-1].split(",")]
        for what, part in (
            (f"document.querySelector('{selector}')", "color"),
            ("document.body", "backgroundColor"),
        )
    )

    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
        return float(np.dot((0.2126, 0.7152, 0.0722), linear))

    low, high = sorted(luminance([c / 255 for c in colour]) for colour in (ink, paper))
    return (high + 0.05) / (low + 0.05)


def test_it_is_light_or_dark_as_the_system_is_or_as_one_wants(report):
    paper = "getComputedStyle(document.body).backgroundColor"
    light = report.evaluate(paper)
    report.emulate_media(color_scheme="dark")
    dark = report.evaluate(paper)
    assert light != dark
    for scheme in ("dark", "light"):
        report.emulate_media(color_scheme=scheme)
        for selector in ("h1", ".lede", ".lede .for", ".lede .against", "figure .legend"):
            assert contrast(report, selector) >= 4.5, (scheme, selector)
    assert report.evaluate(paper) == light
    report.locator("#theme").click()
    assert report.evaluate(paper) == dark
    report.locator("#theme").click()
    assert report.evaluate(paper) == light


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_its_window(width, scheme, show, explanations, tmp_path):
    page = show(render(explanations, metrics={"a metric of a long name": [0.5, 1.5]}))
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    with Image.open(io.BytesIO(page.screenshot(full_page=True))) as shot:
        assert shot.width == width
        corner = np.array(shot.convert("L"))[:10, :10]
    assert (corner > 200).all() if scheme == "light" else (corner < 60).all()
    cut = page.evaluate(
        "() => [...document.querySelectorAll('h1, h3, .legend, [role=tab], .controls *')]"
        ".filter(e => e.offsetParent && !e.closest('.hidden') && e.scrollWidth > e.clientWidth + 1"
        " && e.clientWidth).map(e => e.outerHTML)"
    )
    assert cut == []


def test_of_several_examples_each_has_tabs_of_its_own(show):
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 12 * 10, 4))
    made = explain(model, torch.rand(2, 3, *SIZE), "saliency", target=torch.tensor([0, 3]))
    page = show(render(made))
    assert page.locator("#sections h2").all_inner_texts() == ["Example 1 of 2", "Example 2 of 2"]
    assert page.locator("[role=tab] bdi").all_inner_texts() == ["0", "3"]


def test_notes_lead_to_what_the_method_warned_of(show, explanations):
    one = dataclasses.replace(explanations[0], notes=["a gradient in place of a rule"])
    page = show(render(one))
    assert page.locator("#method-0 .note").inner_text() == "a gradient in place of a rule"
    page.get_by_text("1 note").click()
    assert page.url.endswith("#method-0")


def test_without_scripts_numbers_are_there(browser, explanations, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(render(explanations, metrics={"infidelity": [0.25, 0.5]}), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert "JavaScript" in page.inner_text("body")
    assert "0.25" in page.locator("table.numbers").inner_text()
    context.close()
