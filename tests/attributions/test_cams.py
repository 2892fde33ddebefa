"""Class activation maps against replicas of the papers."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from ascribe import InputError, Targets, attr
from ascribe.attr import FullGrad, LayerAttribution, LayerGradCam
from ascribe.bias_gradients import full_gradients
from ascribe.vision import torchvision

NAMES = [
    "LayerGradCam", "LayerGradCamPlusPlus", "LayerXGradCam", "LayerHiResCam", "LayerLayerCam",
    "LayerScoreCam", "LayerAblationCam", "LayerEigenCam", "LayerEigenGradCam",
]  # fmt: skip


class Net(nn.Module):
    """Maps, then a net on them."""

    def __init__(self, sides=2, linear=False):
        super().__init__()
        kind = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[sides]
        self.maps = nn.Sequential(kind(2, 4, 3, stride=2), nn.ReLU(inplace=True))
        self.next = nn.Identity() if linear else nn.Sequential(kind(4, 5, 2), nn.ReLU())
        self.last = nn.Linear(4 if linear else 5, 3)

    def above(self, maps):
        return self.last(self.next(maps).flatten(2).mean(2))

    def forward(self, x):
        return self.above(self.maps(x))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net().double().eval()


@pytest.fixture
def x():
    return torch.randn(2, 2, 9, 9, generator=torch.Generator().manual_seed(1)).double()


def maps_and_gradients(net, x, target):
    activation = net.maps(x).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(net.above(activation)[:, target].sum(), activation)
    return activation.detach(), gradient


def grad_cam_plus_plus(a, g):
    alpha = torch.zeros_like(g)
    for index in torch.cartesian_prod(*map(torch.arange, g.shape)).tolist():
        example, channel, row, column = index
        slope = g[example, channel, row, column]
        below = 2 * slope**2 + a[example, channel].sum() * slope**3
        alpha[example, channel, row, column] = slope**2 / below if below else 0
    weights = (alpha * g.relu()).sum((2, 3), keepdim=True)
    return (weights * a).sum(1, keepdim=True).relu()


def x_grad_cam(a, g):
    weights = (a * g).sum((2, 3)) / a.sum((2, 3))
    return (weights.nan_to_num(0)[:, :, None, None] * a).sum(1, keepdim=True).relu()


def on_component(maps):
    found = []
    for one in maps:
        _, _, right = torch.linalg.svd(one.flatten(1).T, full_matrices=False)
        projected = one.flatten(1).T @ right[0]
        sign = -1 if projected.sum() < 0 else 1
        found.append((sign * projected).reshape(1, *one.shape[1:]).relu())
    return torch.stack(found)


REPLICAS = {
    "LayerGradCamPlusPlus": grad_cam_plus_plus,
    "LayerXGradCam": x_grad_cam,
    "LayerHiResCam": lambda a, g: (a * g).sum(1, keepdim=True).relu(),
    "LayerLayerCam": lambda a, g: (a * g.relu()).sum(1, keepdim=True).relu(),
    "LayerEigenCam": lambda a, g: on_component(a),
    "LayerEigenGradCam": lambda a, g: on_component(a * g),
}


@pytest.mark.parametrize("name", REPLICAS)
def test_maps_follow_the_papers(name, net, x):
    found = getattr(attr, name)(net, net.maps).attribute(x, target=1)
    torch.testing.assert_close(found, REPLICAS[name](*maps_and_gradients(net, x, 1)))


def test_grad_cam_has_captum_s_default_and_the_paper_s_clipping(net, x):
    a, g = maps_and_gradients(net, x, 1)
    whole = g.mean((2, 3), keepdim=True) * a
    method = LayerGradCam(net, net.maps)
    torch.testing.assert_close(method.attribute(x, 1), whole.sum(1, keepdim=True))
    torch.testing.assert_close(method.attribute(x, 1, attr_dim_summation=False), whole)
    clipped = method.attribute(x, 1, relu_attributions=True)
    torch.testing.assert_close(clipped, whole.sum(1, keepdim=True).relu())


def test_ablation_cam_weighs_by_the_share_of_the_score_that_goes(net, x):
    a, _ = maps_and_gradients(net, x, 1)
    expected = torch.zeros(2, 1, *a.shape[2:]).double()
    with torch.no_grad():
        clean = net.above(a)[:, 1]
        for channel in range(4):
            without = a.clone()
            without[:, channel] = 0
            weights = (clean - net.above(without)[:, 1]) / clean.abs()
            expected += weights[:, None, None, None] * a[:, channel : channel + 1]
    found = attr.LayerAblationCam(net, net.maps).attribute(x, target=1)
    torch.testing.assert_close(found, expected.relu())


def test_score_cam_weighs_by_the_score_of_the_masked_input(net, x):
    a, _ = maps_and_gradients(net, x, 1)
    expected = torch.zeros(2, 1, *a.shape[2:]).double()
    with torch.no_grad():
        gains = []
        for channel in range(4):
            one = a[:, channel : channel + 1]
            low, high = one.amin((2, 3), keepdim=True), one.amax((2, 3), keepdim=True)
            mask = ((one - low) / (high - low)).nan_to_num(0)
            mask = functional.interpolate(mask, x.shape[2:], mode="bilinear")
            gains.append(net(x * mask)[:, 1] - net(x * 0)[:, 1])
        weights = torch.stack(gains).softmax(0)
        for channel in range(4):
            expected += weights[channel][:, None, None, None] * a[:, channel : channel + 1]
    found = attr.LayerScoreCam(net, net.maps).attribute(x, target=1)
    torch.testing.assert_close(found, expected.relu())


@pytest.mark.parametrize("name", ["LayerGradCam", "LayerHiResCam", "LayerXGradCam"])
def test_before_pooling_and_a_linear_layer_they_are_the_class_activation_map(name, x):
    torch.manual_seed(0)
    net = Net(linear=True).double().eval()
    a, _ = maps_and_gradients(net, x, 2)
    weights = net.last.weight[2].detach() / a.shape[2:].numel()
    cam = (weights[:, None, None] * a).sum(1, keepdim=True)
    method = getattr(attr, name)(net, net.maps)
    torch.testing.assert_close(method.attribute(x, target=2, relu_attributions=False), cam)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sides", [1, 2, 3])
def test_layers_of_one_to_three_sides_and_several_targets(name, sides):
    torch.manual_seed(0)
    net = Net(sides).double().eval()
    x = torch.randn(2, 2, *[7] * sides).double()
    method = getattr(attr, name)(net, net.maps)
    found = method.attribute(x, target=Targets([0, 2]))
    assert found.shape == (2, 2, 1, *[3] * sides)
    alone = torch.stack([method.attribute(x, target=target) for target in (0, 2)])
    torch.testing.assert_close(found, alone)
    one = method.attribute(x[1:], target=2)
    torch.testing.assert_close(found[1, 1:], one)


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_map_gives_zeros_not_nan(name, net, x):
    with torch.no_grad():
        net.maps[0].weight.zero_()
        net.maps[0].bias.fill_(-1.0)
    found = getattr(attr, name)(net, net.maps).attribute(x, target=1)
    torch.testing.assert_close(found, torch.zeros_like(found))


@pytest.mark.parametrize("name", NAMES)
def test_layers_of_torchvision_s_transformers_are_put_in_their_places(name):
    models = torchvision().models
    torch.manual_seed(0)
    vit = models.VisionTransformer(32, 8, 2, 2, 8, 16, num_classes=5).eval()
    swin = models.SwinTransformer([4, 4], 8, [1, 1], [2, 2], [4, 4], num_classes=5).eval()
    nn.init.normal_(vit.heads.head.weight)
    x = torch.rand(2, 3, 32, 32)
    method = getattr(attr, name)
    assert method(vit, vit.encoder.layers[-1]).attribute(x, target=1).shape == (2, 1, 4, 4)
    assert method(swin, swin.features[-1]).attribute(x, target=1).shape == (2, 1, 4, 4)
    assert method(swin, swin.features[0][0]).attribute(x, target=1).shape == (2, 1, 8, 8)


def test_a_reshape_of_ones_own(net, x):
    turned = LayerGradCam(net, net.maps, reshape_transform=lambda a: a.transpose(2, 3))
    plain = LayerGradCam(net, net.maps).attribute(x, 1)
    torch.testing.assert_close(turned.attribute(x, 1), plain.transpose(2, 3))
    with pytest.raises(InputError, match="reshape_transform must make"):
        LayerGradCam(net, net.maps, reshape_transform=lambda a: a.flatten()).attribute(x, 1)


def test_a_map_can_be_brought_to_the_input_s_size(net, x):
    cam = LayerGradCam(net, "maps").attribute(x, target=1)
    assert LayerAttribution.interpolate(cam, (9, 9), "bilinear").shape == (2, 1, 9, 9)


def test_gradients_at_the_input_and_all_biases_sum_to_the_score_of_a_relu_net(x):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(4, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3),
    ).double().eval()  # fmt: skip
    net[1].running_mean += 0.2
    with FullGrad(net).bind(x, 1) as forward:
        gradient, biases = full_gradients(forward)
    total = (gradient[0] * x).flatten(1).sum(1) + sum(b[0].flatten(1).sum(1) for b in biases)
    torch.testing.assert_close(total, net(x)[:, 1].detach())
    assert len(biases) == 4
    found = FullGrad(net).attribute(x, target=1)
    assert found.shape == (2, 1, 9, 9)
    assert bool((found >= 0).all())
    assert FullGrad(net).attribute(x[:0], target=1).shape == (0, 1, 9, 9)
    with pytest.raises(InputError, match="FullGrad needs one input"):
        FullGrad(nn.Linear(3, 2)).attribute(torch.rand(2, 3), target=0)
