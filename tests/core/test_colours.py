import numpy as np
import pytest
from matplotlib.colors import to_rgb

from ascribe import InputError
from ascribe.colours import AGAINST, EITHER, FOR, ZERO, colours_of_lines

#: How people without working red, green or blue cones see linear RGB (Machado, Oliveira and
#: Fernandes, "A physiologically-based model for simulation of color vision deficiency", IEEE TVCG
#: 2009, severity 1).
SEEN_BY = {
    "all": np.eye(3),
    "protanopes": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopes": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopes": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def lab(colour, eyes):
    """Return CIELAB, in which a distance of about 2 is just seen."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(SEEN_BY[eyes] @ linear, 0, 1)
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    ratio = to_xyz @ linear / (to_xyz @ np.ones(3))
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def apart(first, second, eyes):
    return np.linalg.norm(lab(first, eyes) - lab(second, eyes))


@pytest.mark.parametrize("eyes", SEEN_BY)
def test_everyone_tells_the_colours_apart(eyes):
    assert apart(FOR, AGAINST, eyes) > 40
    for colour in (FOR, AGAINST, EITHER):
        assert apart(colour, ZERO, eyes) > 30
        assert apart(colour, "white", eyes) > 50
    assert apart(ZERO, "white", eyes) > 15


def test_for_is_red_and_against_is_blue():
    assert np.argmax(to_rgb(FOR)) == 0
    assert np.argmax(to_rgb(AGAINST)) == 2


def test_what_would_not_do_is_found():
    assert apart("#d7191c", "#1a9641", "all") > 100
    assert apart("#d7191c", "#1a9641", "deuteranopes") < 40


@pytest.mark.parametrize(
    ("sign", "ends"),
    [
        ("all", (AGAINST, FOR)),
        ("positive", (ZERO, FOR)),
        ("negative", (ZERO, AGAINST)),
        ("absolute_value", (ZERO, EITHER)),
    ],
)
def test_a_map_for_lines_goes_from_end_to_end(sign, ends):
    found = [colours_of_lines(sign)(at)[:3] for at in (0.0, 1.0)]
    np.testing.assert_allclose(found, [to_rgb(end) for end in ends], atol=1e-6)


def test_a_sign_that_is_unknown_is_refused():
    with pytest.raises(InputError, match="sign must be one of all"):
        colours_of_lines("both")
