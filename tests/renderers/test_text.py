import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ascribe import InputError, ParameterError, registry
from ascribe.attr import visualization as viz
from ascribe.text import VisualizationDataRecord

WORDS = ["not", "bad", "at", "all"]


def drawn(*args, **options):
    return registry.renderers.get("text_html")().render(*args, **options)


def backgrounds(page):
    """The colour and the opacity of each word."""
    words = page[page.index("<p dir") :]
    found = re.findall(r"background:rgba\((\d+),\d+,\d+,([\d.]+)\)", words)
    return [(int(red) > 100, float(opacity)) for red, opacity in found]


def test_words_are_shaded_by_value_and_tell_it():
    page = drawn(np.array([1.0, -2.0, 0.0, 0.5]), WORDS)
    assert backgrounds(page) == [(True, 0.3), (False, 0.6), (False, 0.0), (True, 0.15)]
    assert 'title="-2"' in page
    assert [word in page for word in WORDS] == [True] * 4
    assert "against" in page
    assert "against" not in drawn(np.ones(4), WORDS, legend=False)


@pytest.mark.parametrize(
    ("sign", "shown"), [("positive", [True, False]), ("negative", [False, True])]
)
def test_a_sign_leaves_out_the_other_and_keeps_its_colour(sign, shown):
    found = backgrounds(drawn(torch.tensor([1.0, -1.0]), ["a", "b"], sign=sign))
    assert [opacity > 0 for _, opacity in found] == shown
    assert all(red == (sign == "positive") for red, opacity in found if opacity)


def test_embeddings_are_summed_and_each_target_is_a_paragraph(explanation):
    made = explanation(targets=2, batch=1, features=(4, 5), original=[WORDS])
    page = drawn(made)
    assert page.count("<p dir=") == 2
    assert "pug, score" in page
    total = float(made.values[0, 0, 1].sum())
    assert f'title="{total:+.4g}"' in page


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["un", "##believ", "##able", "film"], "unbelievable film"),
        (["The", "\u0120film", "s", "\u0120end"], "The films end"),
        (["\u2581Der", "\u2581Film", "e"], "Der Filme"),
        (["C", "##"], "C ##"),
    ],
)
def test_parts_of_words_are_joined(tokens, text):
    page = drawn(np.ones(len(tokens)), tokens, legend=False)
    assert re.sub("<[^>]*>", "", page) == text


ATTACKS = [
    "<script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "' style='x",
    "&lt;b&gt;",
    "</span><img src=x onerror=alert(1)>",
    "\0",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_whatever_a_text_holds_stays_text(attack, explanation):
    page = drawn(np.ones(2), [attack, "word"])
    record = VisualizationDataRecord([1.0], attack, attack, attack, attack, attack, [attack], 0)
    made = explanation(targets=1, batch=1, features=(1,), original=[[attack]])
    made.labels = [attack]
    for shown in (page, viz.visualize_text([record]).data, drawn(made)):
        assert not re.findall(r"<(?!/?(div|p|b|span|table|tr|th|td)\b)", shown)
        assert not re.findall(r"\son\w+\s*=", re.sub('"[^"]*"', "", re.sub(">[^<]*<", "><", shown)))


def test_records_make_a_table():
    record = VisualizationDataRecord(
        torch.tensor([0.5, -1.0]), torch.tensor(0.9), "pos", "neg", "pos", 1.25, ["so", "dull"], 0.1
    )
    page = viz.visualize_text([record, record], legend=False)
    assert page.count("<tr>") == 3
    assert "pos (0.90)" in page.data
    assert "1.25" in page._repr_html_()


def test_a_terminal_gets_colours_and_a_file_gets_numbers():
    render = registry.renderers.get("text_terminal")().render
    coloured = render(np.array([1.0, -1.0]), ["good", "bad"], colour=True)
    assert "\x1b[48;2;178;24;43;97mgood\x1b[0m \x1b[48;2;33;102;172;97mbad\x1b[0m" in coloured
    assert render(np.array([1.0, -0.25]), ["good", "bad"]) == "good(+1) bad(-0.25)"


@pytest.mark.parametrize(
    ("terminal", "environment", "coloured"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": ""}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
        (False, {}, False),
        (None, {}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(terminal, environment, coloured, monkeypatch):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stdout = None if terminal is None else SimpleNamespace(isatty=lambda: terminal)
    monkeypatch.setattr("sys.stdout", stdout)
    found = registry.renderers.get("text_terminal")().render(np.ones(1), ["good"])
    monkeypatch.undo()
    assert found == ("\x1b[48;2;178;24;43;97mgood\x1b[0m" if coloured else "good(+1)")


def test_a_text_cannot_move_the_cursor(monkeypatch):
    render = registry.renderers.get("text_terminal")().render
    for colour in (True, False):
        found = render(np.ones(1), ["a\x1b[2J\x07\x9bb"], colour=colour)
        assert "\x1b[2J" not in found
        assert not set("\x07\x9b") & set(found)


@pytest.mark.parametrize("name", ["text_html", "text_terminal"])
def test_what_does_not_fit_is_refused(name, explanation):
    render = registry.renderers.get(name)().render
    for given in ((np.ones(3), WORDS), (np.ones(4), None), (np.ones(3), "abc"), ([1, 2], WORDS)):
        with pytest.raises(InputError):
            render(*given)
    with pytest.raises(InputError, match="tokens"):
        render(explanation(features=(4,)))
    with pytest.raises(ParameterError, match="did you mean sign"):
        render(np.ones(4), WORDS, sing="all")
