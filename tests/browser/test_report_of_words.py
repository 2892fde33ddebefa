"""The report of text and of tables."""

import dataclasses

import pytest
import torch

from ascribe import explain, registry

WORDS = ["not", "bad", "at", "all"]
ARABIC = ["\u0643\u0627\u0646", "\u0627\u0644\u0641\u064a\u0644\u0645", "\u0645\u0645\u0644\u0627"]


def render(*args, **options):
    return registry.renderers.get("html_report")().render(*args, **options)


def of_words(words, values, labels=("good",)):
    """An explanation by a linear model: the values of words are its weights."""
    weights = torch.tensor(values)[:, :, None] * torch.tensor([1.0, 0.0])
    model = lambda x: torch.einsum("bwn,twn->bt", x, weights)  # noqa: E731
    x = torch.ones(1, len(words), 2)
    made = explain(model, x, "input_x_gradient", target=list(range(len(values))))
    return dataclasses.replace(made, original=[words], labels=list(labels))


def alphas(page, figure=0):
    spans = page.locator("figure").nth(figure).locator(".words span").all()
    colours = [span.evaluate("e => getComputedStyle(e).backgroundColor") for span in spans]
    parts = [colour[colour.index("(") + 1 : -1].split(",") for colour in colours]
    return [(int(p[0]) > int(p[2]), float(p[3]) if len(p) > 3 else 1.0) for p in parts]


def test_words_are_coloured_and_follow_the_controls(show):
    page = show(render([of_words(WORDS, [[1.0, -0.5, 0.0, 0.25]])] * 2))
    assert page.locator(".words").first.inner_text() == "not bad at all"
    assert page.locator("figure h3").all_inner_texts() == ["InputXGradient 1", "InputXGradient 2"]
    seen = alphas(page, figure=1)
    assert [round(alpha, 2) for _, alpha in seen] == [0.64, 0.32, 0.0, 0.16]
    assert [red for red, alpha in seen if alpha] == [True, False, True]
    page.locator("#threshold").fill("30")
    assert [alpha > 0 for _, alpha in alphas(page)] == [True, True, False, False]
    page.locator("[name=sign][value=negative]").check()
    assert [alpha > 0 for _, alpha in alphas(page)] == [False, True, False, False]
    page.locator("#opacity").fill("40")
    assert round(alphas(page)[1][1], 2) == 0.16
    assert not page.locator("#smoothing").is_visible()


def test_words_are_read_by_pointing_and_by_keyboard(show):
    page = show(render([of_words(WORDS, [[1.0, -0.5, 0.0, 0.25]])] * 2))
    page.locator(".words span").nth(1).hover()
    for reading in page.locator(".reading").all():
        assert reading.inner_text() == "bad \u22120.5000"
    page.locator(".words").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator(".reading").first.inner_text() == "all +0.2500"
    assert "all: InputXGradient 1 +0.2500" in page.locator("[role=status]").inner_text()
    page.keyboard.press("Escape")
    assert page.locator(".reading").first.inner_text() == ""


def test_parts_of_words_are_joined_and_targets_switched(show):
    made = of_words(["un", "##believ", "##able"], [[1.0, 0.5, 0.0], [-1.0, 0.0, 0.0]], "ab")
    page = show(render(made))
    assert page.locator(".words").inner_text() == "unbelievable"
    page.locator("[role=tab]").nth(1).click()
    assert alphas(page)[0][1] > 0
    assert not alphas(page)[0][0]


def test_text_from_right_to_left_runs_that_way(show):
    page = show(render(of_words(ARABIC, [[1.0, 0.5, -0.5]])))
    left = [span.bounding_box()["x"] for span in page.locator(".words span").all()]
    assert left == sorted(left, reverse=True)
    page.locator(".words").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.locator(".reading bdi").inner_text() == ARABIC[1]


@pytest.fixture
def table():
    weights = torch.linspace(-1, 1, 25).repeat(2, 1)
    weights[1] = 0
    weights[1, 3] = 2
    model = lambda x: x @ weights.T  # noqa: E731
    x = torch.ones(1, 25)
    return [explain(model, x, name, target=[0, 1]) for name in ("input_x_gradient", "saliency")]


def test_a_table_has_bars_in_one_order_for_all_methods(show, table):
    page = show(render(table, names=[f"f{number}" for number in range(25)]))
    heads = [
        page.locator("figure").nth(number).locator("th").all_inner_texts() for number in (0, 1)
    ]
    assert heads[0] == heads[1]
    assert len(heads[0]) == 21
    assert sorted(heads[0][:2]) == ["f0 =\u00a01", "f24 =\u00a01"]
    assert heads[0][-1] == "5 others, summed"
    numbers = page.locator("figure").first.locator("td:last-child").all_inner_texts()
    assert sorted(numbers[:2]) == ["+1.00", "\u22121.00"]
    page.locator("[role=tab]").nth(1).click()
    first = page.locator("figure").first.locator("tr").first
    assert first.inner_text().split() == ["f3", "=", "1", "+2.00"]


def test_bars_follow_sign_and_threshold(show, table):
    page = show(render(table[:1]))
    widths = "es => es.map(e => e.getBoundingClientRect().width)"
    before = page.locator(".bar i").evaluate_all(widths)
    assert before[0] == max(before) > 20
    page.locator("[name=sign][value=positive]").check()
    after = page.locator(".bar i").evaluate_all(widths)
    assert 0 < sum(width > 0 for width in after) < sum(width > 0 for width in before)
    page.locator("#threshold").fill("99")
    assert sum(width > 0 for width in page.locator(".bar i").evaluate_all(widths)) == 1


def test_kinds_may_be_mixed_and_what_none_draws_is_named(show, table):
    model = lambda x: x.sum((1, 2, 3, 4, 5))[:, None]  # noqa: E731
    strange = explain(model, torch.ones(1, 2, 2, 2, 2, 2), "saliency", target=0)
    page = show(render([strange, of_words(WORDS, [[1.0, 0.0, 0.0, 0.0]]), *table[:1]]))
    assert page.locator("#sections > section").count() == 2
    assert "(1, 1, 2, 2, 2, 2, 2)" in page.locator(".other").inner_text()
    assert page.locator("table.numbers tbody tr").count() == 3
    page = show(render(strange))
    assert not page.locator("#controls").is_visible()
