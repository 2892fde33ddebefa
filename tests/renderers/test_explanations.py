import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from ascribe.errors import InputError
from ascribe.renderer import normalise
from ascribe_renderers.blended_heat_map import BlendedHeatMap
from ascribe_renderers.heat_map import HeatMap
from ascribe_renderers.masked_image import MaskedImage


def grid_of(figure, columns):
    figure.canvas.draw()
    return [figure.axes[at : at + columns] for at in range(0, len(figure.axes), columns)]


def test_a_row_holds_an_example_and_a_column_a_target(explanation, drawn):
    made = explanation(targets=2, batch=3)
    rows = grid_of(HeatMap().render(made), columns=3)
    assert len(rows) == 3
    for example, (first, *others) in enumerate(rows):
        assert first.get_title() == "original"
        np.testing.assert_allclose(drawn(first)[0], made.inputs[example].permute(1, 2, 0))
        for target, ax in enumerate(others):
            values = made.values[target, example].double().sum(dim=0).numpy()
            np.testing.assert_allclose(drawn(ax)[0], normalise(values), rtol=1e-12)
    assert [ax.get_title() for ax in rows[1]] == [
        "original",
        "pug, score 0.125",
        "tiger cat, score 0.5",
    ]
    tops = [ax.get_position().y1 for ax in rows[0]]
    assert tops == pytest.approx([tops[0]] * 3)
    assert rows[0][0].get_position().x0 < rows[0][1].get_position().x0


def test_the_original_of_the_explanation_comes_before_its_inputs(explanation, drawn):
    original = np.random.default_rng(0).random((3, 6, 8, 3))
    axes = HeatMap().render(explanation(original=original)).axes
    np.testing.assert_array_equal(drawn(axes[0])[0], original[0])
    other = np.random.default_rng(1).random((3, 6, 8, 3))
    axes = HeatMap().render(explanation(original=original), other).axes
    np.testing.assert_array_equal(drawn(axes[3])[0], other[1])


def test_inputs_beyond_the_unit_range_are_stretched_each_by_itself(explanation, drawn):
    inputs = torch.rand(2, 3, 6, 8, dtype=torch.float64)
    inputs[1] = 5 * inputs[1] - 2
    axes = HeatMap().render(explanation(batch=2, targets=1, inputs=inputs)).axes
    np.testing.assert_array_equal(drawn(axes[0])[0], inputs[0].permute(1, 2, 0))
    stretched = (inputs[1] - inputs[1].min()) / (inputs[1].max() - inputs[1].min())
    np.testing.assert_allclose(drawn(axes[2])[0], stretched.permute(1, 2, 0))


def test_a_constant_input_beyond_the_unit_range_is_black(explanation, drawn):
    made = explanation(batch=1, targets=1, inputs=torch.full((1, 3, 6, 8), 7.0))
    assert not drawn(HeatMap().render(made).axes[0])[0].any()


@pytest.mark.parametrize("features", [(6, 8), (1, 6, 8)])
def test_grey_images_are_drawn(explanation, drawn, features):
    axes = BlendedHeatMap().render(explanation(features=features)).axes
    assert len(axes) == 9
    assert drawn(axes[0])[0].shape == (6, 8, 3)


def test_one_picture_will_do_for_one_example(explanation, drawn, picture):
    for original in (picture, picture[None], [picture], torch.tensor(picture).permute(2, 0, 1)):
        axes = BlendedHeatMap().render(explanation(batch=1), original).axes
        np.testing.assert_array_equal(drawn(axes[0])[0], picture)
    with pytest.raises(InputError, match="3 originals, one per example, not 2"):
        BlendedHeatMap().render(explanation(batch=3), [picture, picture])


def test_one_sign_is_shown_where_both_cannot_be(explanation, drawn):
    made = explanation(targets=1, batch=1)
    first, second = MaskedImage().render(made).axes
    values = made.values[0, 0].double().sum(dim=0).numpy()
    expected = drawn(first)[0] * normalise(values, "positive")[..., None]
    np.testing.assert_allclose(drawn(second)[0], expected, rtol=1e-12)


def test_maps_may_share_one_scale(explanation, drawn):
    made = explanation(targets=2, batch=1)
    made.values[1] /= 10
    figure = HeatMap().render(made, shared_scale=True, outlier_perc=0)
    first, second = (np.abs(drawn(ax)[0]).max() for ax in figure.axes[1:])
    assert max(first, second) == 1
    assert second < 0.5
    figure = HeatMap().render(made, outlier_perc=0)
    assert [np.abs(drawn(ax)[0]).max() for ax in figure.axes[1:]] == [1, 1]


def test_each_row_ends_in_a_colour_bar(explanation):
    figure = HeatMap().render(explanation(), show_colorbar=True, title="Occlusion")
    rows = grid_of(figure, columns=3)
    assert [[len(ax.child_axes) for ax in row] for row in rows] == [[0, 0, 1]] * 3
    assert figure.get_suptitle() == "Occlusion"


def test_of_several_inputs_the_only_image_is_drawn(explanation, drawn):
    made = explanation(targets=1, batch=2)
    numbers = torch.zeros(2, 5)
    for values, inputs in [
        ((numbers[None], made.values), (numbers, made.inputs)),
        ({"age": numbers[None], "scan": made.values}, {"age": numbers, "scan": made.inputs}),
    ]:
        several = explanation(targets=1, batch=2, values=values, inputs=inputs)
        axes = HeatMap().render(several).axes
        np.testing.assert_allclose(drawn(axes[2])[0], made.inputs[1].permute(1, 2, 0))


def test_which_chooses_among_several_images(explanation, drawn):
    made, other = explanation(targets=1, batch=1), explanation(targets=1, batch=1)
    other.inputs = 1 - other.inputs
    several = explanation(
        targets=1,
        batch=1,
        values={"left": made.values, "right": -made.values},
        inputs={"left": made.inputs, "right": other.inputs},
    )
    with pytest.raises(InputError, match=r"\['left', 'right'\] are all images; choose one with wh"):
        HeatMap().render(several)
    with pytest.raises(InputError, match=r"one of \['left', 'right'\], but is 'middle'"):
        HeatMap().render(several, which="middle")
    axes = HeatMap().render(several, which="right").axes
    np.testing.assert_allclose(drawn(axes[0])[0], other.inputs[0].permute(1, 2, 0))
    alone = HeatMap().render(made).axes
    np.testing.assert_allclose(drawn(axes[1])[0], -drawn(alone[1])[0])


def test_a_map_of_a_layer_is_drawn_beside_its_larger_picture(explanation):
    made = explanation(targets=1, batch=1, values=torch.ones(1, 1, 512, 3, 4))
    assert len(HeatMap().render(made).axes) == 2
    with pytest.raises(InputError, match=r"as large as its attribution, \(3, 4\)"):
        BlendedHeatMap().render(made)


def test_inputs_that_are_no_picture_are_left_out_or_asked_for(explanation):
    made = explanation(targets=1, batch=1, features=(12, 6, 8))
    assert len(HeatMap().render(made).axes) == 1
    with pytest.raises(InputError, match="has none; pass it as original"):
        BlendedHeatMap().render(made)


def test_ax_takes_a_single_map(explanation):
    figure = Figure()
    ax = figure.subplots()
    assert HeatMap().render(explanation(targets=1, batch=1), ax=ax) is figure
    assert ax.get_title() == "pug, score 0"
    assert len(ax.images) == 1
    with pytest.raises(InputError, match="ax must take one map, but the explanation has 6"):
        HeatMap().render(explanation(), ax=ax)


def test_long_labels_are_wrapped(explanation):
    label = "Staffordshire bullterrier, Staffordshire bull terrier"
    axes = HeatMap().render(explanation(targets=1, batch=1, labels=[label])).axes
    assert axes[1].get_title().replace("\n", " ").startswith(label)
    assert max(map(len, axes[1].get_title().splitlines())) <= 32

    made = explanation(targets=1, batch=1, features=(3, 12, 2), labels=["hippopotamus amphibius"])
    assert HeatMap().render(made).axes[1].get_title() == "hippopotamus\namphibius,\nscore 0"
    made = explanation(targets=1, batch=1, features=(3, 12, 2), labels=["hippopotamuses/rhinos"])
    assert HeatMap().render(made).axes[1].get_title() == "hippopotamuses/rhinos,\nscore 0"


def test_an_explanation_of_nothing_is_refused(explanation):
    with pytest.raises(InputError, match="nothing to draw: 2 targets for 0 examples"):
        HeatMap().render(explanation(batch=0))
