"""Whatever a text, a label or a parameter holds is shown as it is, and never runs."""

import dataclasses

import numpy as np
import pytest
import torch

from ascribe import explain, registry
from ascribe.attr import visualization as viz
from ascribe.text import VisualizationDataRecord

RUN = "window.ran=1"

NASTY = [
    f"<script>{RUN}</script>",
    f"</script><script>{RUN}</script>",
    f"<!--<script>{RUN}</script>",
    f'"><img src=x onerror={RUN}>',
    f"' onmouseover='{RUN}' onfocus='{RUN}' autofocus tabindex=0 x='",
    f"<svg onload={RUN}><a href=javascript:{RUN}>x</a></svg>",
    "&lt;b&gt; &amp; &#60;",
    "{{DATA}} {{SCRIPT}} __TITLE__",
    "a\u2028b\u2029c",
    "\u0634\u0643\u0631\u0627 \u202egnp.exe",
    "\U0001f469\u200d\U0001f680 \U0001f1eb\U0001f1f7",
    "un##believ##able \u0120word",
]


def untouched(page):
    """Wait for what could run to run, and tell whether nothing did."""
    page.wait_for_timeout(50)
    assert page.evaluate("window.ran === undefined")
    assert page.locator("body script[src], svg, a[href^=javascript]").count() == 0
    return True


def test_text_html_shows_text_as_it_is(show):
    records = [
        VisualizationDataRecord([1.0, -0.5], 0.9, text, text, text, 1, [text, "end"], 0)
        for text in NASTY
    ]
    page = show(viz.visualize_text(records).data)
    assert untouched(page)
    assert page.locator("img, script").count() == 0
    cells = page.locator("tr").evaluate_all(
        "rows => rows.slice(1).map(row => [...row.cells].map(cell => cell.textContent))"
    )
    words = page.locator("td span span").evaluate_all("es => es.map(e => e.textContent)")
    assert words == [word for text in NASTY for word in (text, "end")]
    for (true, predicted, attributed, _, _), text in zip(cells, NASTY, strict=True):
        assert true == attributed == text
        assert predicted == f"{text} (0.90)"
    page.locator("td span span").first.hover()
    assert untouched(page)


def test_text_html_of_an_explanation_shows_labels_as_they_are(show):
    model = lambda x: x.sum((1, 2))[:, None].expand(-1, len(NASTY))  # noqa: E731
    made = explain(model, torch.ones(1, 2, 3), "saliency", target=list(range(len(NASTY))))
    made = dataclasses.replace(made, original=[["so", "so"]], labels=NASTY)
    page = show(made.render("text_html"))
    assert untouched(page)
    shown = page.locator("b").evaluate_all("es => es.map(e => e.textContent)")
    assert shown == [f"{text}, score 6" for text in NASTY]


@pytest.mark.parametrize("kind", ["picture", "text", "table"])
def test_the_report_shows_everything_as_it_is(kind, show):
    count = len(NASTY)
    shape = {"picture": (3, 6, 5), "text": (count, 4), "table": (count,)}[kind]
    model = lambda x: x.flatten(1).sum(1)[:, None].expand(-1, count)  # noqa: E731
    made = explain(model, torch.ones(1, *shape), "saliency", target=list(range(count)))
    made = dataclasses.replace(
        made,
        original=[NASTY] if kind == "text" else None,
        labels=NASTY,
        notes=NASTY,
        parameters={text: np.array([1.0]) for text in NASTY} | {"nested": {NASTY[0]: NASTY[1]}},
        versions={text: text for text in NASTY},
    )
    each = [dataclasses.replace(made, method=text) for text in NASTY]
    options = {"names": NASTY} if kind == "table" else {}
    html = registry.renderers.get("html_report")().render(
        each, title="".join(NASTY), metrics={text: [1.0] * count for text in NASTY}, **options
    )
    page = show(html)
    assert untouched(page)

    def texts(selector):
        return page.locator(selector).evaluate_all("es => es.map(e => e.textContent)")

    assert texts("h1") == ["".join(NASTY)]
    assert texts("[role=tab] bdi") == NASTY
    assert texts("figure h3")[-count:] == NASTY
    assert texts("article h3") == texts("table.numbers tbody th") == NASTY
    assert texts("#method-1 .note") == NASTY
    assert texts("#method-1 dt") == [*NASTY, "nested"]
    assert texts("table.numbers thead th")[-count:] == NASTY
    assert all(text in texts(".versions")[0] for text in NASTY)
    if kind == "text":
        words = texts("figure:first-child .words span")
        assert words == [text.removeprefix("\u0120") for text in NASTY]
        page.locator(".words span").first.hover()
    if kind == "table":
        heads = texts("figure:first-child .bars th")
        assert sorted(heads) == sorted(f"{text} =\u00a01" for text in NASTY)
    if kind == "picture":
        page.locator("canvas").last.focus()
        page.keyboard.press("ArrowUp")
        assert all(text in texts("[role=status]")[0] for text in NASTY)
    assert page.locator("body img").count() == 0
    assert page.locator("script").count() == 2
    assert untouched(page)


def test_the_page_itself_forbids_other_scripts_and_hosts(show):
    model = lambda x: x.sum((1, 2, 3))[:, None]  # noqa: E731
    made = explain(model, torch.ones(1, 3, 6, 5), "saliency", target=0)
    page = show(registry.renderers.get("html_report")().render(made))
    failed = []
    page.once("requestfailed", lambda request: failed.append(request.failure))
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran=1';"
        "document.body.append(s);"
        "const i = new Image(); i.src = 'https://example.invalid/x.png'; document.body.append(i); }"
    )
    page.wait_for_timeout(100)
    assert page.evaluate("window.ran === undefined")
    refused = [told for told in page.told if "Content Security Policy" in told]
    assert len(refused) == 2
    assert failed == ["csp"]
    page.told.clear()
