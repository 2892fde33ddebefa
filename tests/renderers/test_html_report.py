import base64
import dataclasses
import json
import re
import zlib

import numpy as np
import pytest
import torch

from ascribe import InputError, ParameterError, explain, registry


def render(*args, **options):
    return registry.renderers.get("html_report")().render(*args, **options)


def sections(html):
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    return json.loads(data)


def picture(method="saliency", x=None, target=0, size=(6, 5)):
    x = torch.rand(1, 3, *size) if x is None else x
    weights = torch.linspace(-1, 1, x[0].numel()).reshape(x.shape[1:])
    return explain(
        lambda x: torch.stack([(x * weights).flatten(1).sum(1)] * 3, 1), x, method, target
    )


def test_maps_are_packed_to_a_part_in_thirty_thousand():
    made = picture("input_x_gradient", size=(40, 30))
    (section,) = sections(render(made))
    assert (section["kind"], section["height"], section["width"]) == ("picture", 40, 30)
    (packed,) = section["methods"][0]["maps"]
    numbers = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), dtype="<i2")
    values = made.values[0, 0].double().sum(0).numpy()
    assert packed["peak"] == np.abs(values).max()
    np.testing.assert_allclose(
        numbers.reshape(40, 30) * packed["peak"] / 32767, values, atol=packed["peak"] / 65000
    )


def test_four_methods_on_a_picture_of_224_pixels_take_less_than_two_megabytes():
    noise = torch.randn(1, 1, 3, 224, 224)  # what packs worst
    made = picture(x=torch.rand(1, 3, 224, 224))
    each = [dataclasses.replace(made, values=noise + n, method=f"Method{n}") for n in range(4)]
    assert 300_000 < len(render(each).encode()) < 2_000_000


def test_it_is_one_file_that_names_no_host():
    html = render(picture())
    assert re.findall(r"https?:|@import|\bsrc=|\burl\(|<link|<iframe|<object|<base", html) == []
    assert "default-src 'none'" in html


def test_methods_may_differ_in_their_targets():
    x = torch.rand(1, 3, 6, 5)
    one, two = picture(x=x, target=[0, 1]), picture("input_x_gradient", x=x, target=[1, 2])
    (section,) = sections(render([one, two]))
    assert [target["name"] for target in section["targets"]] == ["0", "1", "2"]
    there = [[found is not None for found in method["maps"]] for method in section["methods"]]
    assert there == [[True, True, False], [False, True, True]]


def test_two_targets_of_one_name_are_two():
    made = dataclasses.replace(picture(target=[0, 1]), labels=["cat", "cat"])
    assert len(sections(render(made))[0]["targets"]) == 2


def test_examples_of_their_own_targets_are_named_by_them():
    made = picture(x=torch.rand(2, 3, 6, 5), target=torch.tensor([2, 1]))
    names = [section["targets"][0]["name"] for section in sections(render(made))]
    assert names == ["2", "1"]


def test_a_large_picture_is_kept_small():
    html = render(picture(x=torch.rand(1, 3, 400, 400)))
    assert "data:image/jpeg" in html
    assert "data:image/png" in render(picture())


def test_maps_without_a_picture_are_drawn_on_nothing():
    (section,) = sections(render(picture(x=torch.rand(1, 12, 6, 5))))
    assert section["picture"] is None


def test_of_several_inputs_the_picture_is_drawn():
    x = (torch.rand(1, 3, 6, 5), torch.rand(1, 4, 3, 3, 3))
    made = explain(lambda a, b: (a.sum() + b.sum())[None, None], x, "saliency", target=0)
    (section,) = sections(render(made))
    assert (section["kind"], section["height"]) == ("picture", 6)


def test_metrics_and_names_stand_in_the_table():
    x = torch.rand(1, 3, 6, 5)
    made = [picture(x=x), picture("input_x_gradient", x=x)]
    html = render(made, metrics={"infidelity": [0.5, 1e-9]}, methods=["first", "second"])
    for told in (
        "infidelity",
        "<td>0.5</td>",
        "<td>1e\N{MINUS SIGN}09</td>",
        ">first<",
        ">second<",
    ):
        assert told in html
    assert [m["name"] for m in sections(html)[0]["methods"]] == ["first", "second"]


def test_what_does_not_fit_is_refused():
    made = picture()
    for given, said in (
        ([], "an explanation|one explanation"),
        ([made, "no explanation"], "one explanation"),
        ([made, picture(x=torch.rand(2, 3, 6, 5))], r"same examples, but are of \[1, 2\]"),
        ([made, picture(x=torch.rand(1, 3, 6, 5))], "same pictures"),
        ([made, picture(x=torch.rand(1, 12, 7, 5))], "one size"),
        (dataclasses.replace(made, values=made.values * torch.nan), "finite"),
    ):
        with pytest.raises(InputError, match=said):
            render(given)
    with pytest.raises(InputError, match="outlier_perc"):
        render(made, outlier_perc=101)
    with pytest.raises(InputError, match="name the 1 explanations, but are 2"):
        render(made, methods=["a", "b"])
    with pytest.raises(ParameterError, match="did you mean metrics"):
        render(made, metric={})


def test_tables_and_texts_must_agree():
    def table(width, names=None):
        return explain(lambda x: x.sum(1, keepdim=True), torch.ones(1, width), "saliency", target=0)

    with pytest.raises(InputError, match="same features"):
        render([table(3), table(4)])
    with pytest.raises(InputError, match="names must be of the 3 features, but are 2"):
        render(table(3), names=["a", "b"])
    texts = [dataclasses.replace(table(2), original=[words]) for words in (["a", "b"], ["a", "c"])]
    with pytest.raises(InputError, match="same tokens"):
        render(texts)


def test_series_of_several_examples_and_targets_are_all_drawn():
    found = explain(lambda x: x[..., :2].sum(1), torch.randn(3, 2, 40), "saliency", target=[0, 1])
    html = render([found])
    assert html.count('<img class="drawn"') == 6
    assert "Example 3 of 3" in html
    many = explain(lambda x: x[..., 0].sum(1), torch.randn(14, 2, 40), "saliency")
    html = render([many])
    assert html.count('<img class="drawn"') == 12
    assert "2 more are not drawn" in html


def test_numbers_of_several_targets_are_told_as_their_mean():
    found = picture(target=[0, 1])
    assert ">gain, mean<" in render([found], metrics={"gain": [torch.tensor([[1.0], [3.0]])]})
    assert ">gain<" in render([found], metrics={"gain": [torch.tensor([[1.0]])]})


def test_a_model_of_one_score_has_no_target_to_name():
    found = explain(lambda x: x.sum((1, 2, 3)), torch.rand(1, 3, 6, 5), "saliency")
    assert sections(render([found]))[0]["targets"][0]["name"] == "score"
