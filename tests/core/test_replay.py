"""Programs of models, made faster and run where a change reaches: the model's own numbers."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from ascribe import Targets, replay
from ascribe.attr import FeatureAblation, KernelShap, LayerFeatureAblation, Occlusion
from ascribe.evaluations import Evaluations
from ascribe.incremental import Incremental
from ascribe.notes import noted
from ascribe.prepare import Convolution, prepared
from ascribe.program import NoProgramError, Value
from ascribe.replay import models_as_they_are
from ascribe.tape import Tape, program_of


class Block(nn.Module):
    def __init__(self, inside, outside, stride=1):
        super().__init__()
        self.one = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(outside)
        self.two = nn.Conv2d(outside, outside, 3, 1, 1)
        self.short = nn.Conv2d(inside, outside, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x):
        y = functional.relu(self.norm(self.one(x)), inplace=True)
        y = self.two(y)
        y += self.short(x)
        return functional.relu(y)


class Residual(nn.Module):
    """Strides, a pool whose sizes are rounded up, a skip, a cat, channels that are scaled."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 5, 2, 2)
        self.pool = nn.MaxPool2d(3, 2, 1, ceil_mode=True)
        self.blocks = nn.Sequential(Block(4, 4), Block(4, 8, 2))
        self.smooth = nn.AvgPool2d(3, 1, 1)
        self.gate = nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        y = self.blocks(self.pool(torch.tanh(self.stem(x))))
        y = torch.cat([y, functional.gelu(self.smooth(y))], 1)
        first, second = y[:, :8], y[:, 8:]
        second = second * torch.sigmoid(self.gate(second.mean((2, 3), keepdim=True)))
        return self.head(torch.cat([first, second], 1).mean((2, 3)))


def model(kind=Residual, seed=0):
    torch.manual_seed(seed)
    made = kind().double().eval()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.weight.data.normal_()
    return made


def program(run, few, more):
    tapes = []
    for rows, keeps in ((few, True), (more, False)):
        with torch.no_grad(), Tape([rows], keeps) as tape:
            tape.end(run(rows))
        tapes.append(tape)
    return program_of(*tapes), tapes[0].values


@pytest.fixture
def worthwhile(monkeypatch):
    monkeypatch.setattr(Evaluations, "small", lambda self, variants: variants < replay.FEW_ROWS)


def both(run):
    with noted() as notes:
        quick = run()
    with models_as_they_are():
        return quick, run(), notes


def agree(quick, plain):
    assert torch.isfinite(quick).all()
    assert float((quick - plain).abs().max()) <= 1e-10 * float(plain.abs().max())


@pytest.mark.parametrize("size", [(33, 41), (64, 64)])
def test_a_program_gives_what_the_model_gives_for_any_number_of_rows(size):
    net = model()
    made, _ = program(net, torch.randn(1, 3, *size).double(), torch.randn(2, 3, *size).double())
    rows = torch.randn(5, 3, *size).double()
    with torch.no_grad():
        assert torch.equal(made.run([rows.clone()]), net(rows))
        assert torch.allclose(prepared(made).run([rows.clone()]), net(rows), rtol=1e-12, atol=1e-12)


def test_a_prepared_program_folds_norms_and_rectifiers():
    net = model()
    rows = torch.randn(2, 3, 33, 33).double()
    made = prepared(program(net, rows[:1].clone(), rows.clone())[0])
    folded = [o.func for o in made.operations if isinstance(o.func, Convolution)]
    kinds = {str(operation.func) for operation in made.operations}
    assert not any("batch_norm" in kind for kind in kinds)
    assert sum(one.relu for one in folded) == 2


@pytest.mark.parametrize("side", [1, 5, 12, 33])
def test_patches_give_what_whole_pictures_give(side):
    net, clean = model(), torch.randn(1, 3, 33, 41).double()
    made, values = program(net, clean.clone(), torch.randn(2, 3, 33, 41).double())
    incremental = Incremental(prepared(made), [clean], values)
    rows = clean.repeat(7, 1, 1, 1)
    for row in range(7):  # one is as it was
        rows[row, :, row * 4 : row * 4 + side * min(row, 1), 5 * row : 5 * row + side] += 1
    with torch.no_grad():
        assert torch.allclose(incremental.run([rows.clone()]), net(rows), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("per_eval", [None, 1, 5])
def test_occlusion_is_that_of_the_model_itself(worthwhile, batch, per_eval):
    net, x = model(), torch.randn(batch, 3, 33, 41).double()
    quick, plain, notes = both(
        lambda: Occlusion(net).attribute(
            x, (3, 9, 7), (3, 6, 5), 0.3, Targets([1, 4]), perturbations_per_eval=per_eval
        )
    )
    agree(quick, plain)
    assert notes == []


def test_superpixels_and_coalitions_are_those_of_the_model_itself(worthwhile):
    net, x = model(), torch.randn(1, 3, 32, 32).double()
    mask = torch.arange(64).reshape(8, 8).repeat_interleave(4, 0).repeat_interleave(4, 1)
    agree(*both(lambda: FeatureAblation(net).attribute(x, target=2, feature_mask=mask))[:2])
    shapley = {"target": 2, "feature_mask": mask // 4, "n_samples": 60}
    agree(*both(lambda: KernelShap(net).attribute(x, **shapley))[:2])


def test_a_layer_is_perturbed_as_in_the_model_itself(worthwhile):
    net, x = model(), torch.randn(2, 3, 32, 32).double()
    agree(*both(lambda: LayerFeatureAblation(net, "pool").attribute(x, target=2))[:2])


def test_single_precision_agrees_within_a_ten_thousandth(worthwhile):
    net, x = model().float(), torch.randn(1, 3, 33, 41)
    quick, plain, _ = both(lambda: Occlusion(net).attribute(x, (3, 9, 7), (3, 6, 5), target=1))
    assert float((quick - plain).abs().max()) <= 1e-4 * float(plain.abs().max())


def test_other_weights_are_seen_at_once(worthwhile):
    net, x = model(), torch.randn(1, 3, 33, 33).double()

    def occluded():
        return Occlusion(net).attribute(x, (3, 9, 9), (3, 6, 6), target=1)

    before = occluded()
    with torch.no_grad():
        net.blocks[0].one.weight.data.mul_(2)
    agree(*both(occluded)[:2])
    assert not torch.allclose(before, occluded())
    net.load_state_dict(model(seed=1).state_dict())
    agree(*both(occluded)[:2])


def test_what_has_no_rule_runs_whole_and_is_noted(worthwhile):
    class Rolled(Residual):
        def forward(self, x):
            return super().forward(torch.roll(self.stem(x), 3, 2)[:, :3])

    net, x = model(Rolled), torch.randn(1, 3, 64, 64).double()
    quick, plain, notes = both(lambda: Occlusion(net).attribute(x, (3, 9, 9), (3, 9, 9), target=1))
    agree(quick, plain)
    assert any("roll" in note and "no rule" in note for note in notes)


class Asking(Residual):
    def forward(self, x):
        return super().forward(x if x.sum() > 1e9 else x * 2)


class ThroughNumpy(Residual):
    def forward(self, x):
        return super().forward(x) * torch.from_numpy(x.detach().numpy().mean((1, 2, 3)))[:, None]


class Drawing(Residual):
    def forward(self, x):
        return super().forward(x) + torch.rand(len(x), 1)


class Viewed(Residual):
    def forward(self, x):
        y = x.clone()
        y[:, 0] *= 2
        return super().forward(y)


@pytest.mark.parametrize("kind", [Asking, ThroughNumpy, Viewed])
def test_what_cannot_be_recorded_runs_itself(worthwhile, kind):
    net, x = model(kind), torch.randn(1, 3, 33, 33).double()
    quick, plain, notes = both(lambda: Occlusion(net).attribute(x, (3, 9, 9), (3, 6, 6), target=1))
    agree(quick, plain)
    assert any("the model itself ran" in note for note in notes)


def test_rows_that_change_one_another_are_not_joined(worthwhile):
    class Mixing(Residual):
        def forward(self, x):
            return super().forward(x - x.mean(0, keepdim=True) / 2)

    net, x = model(Mixing), torch.randn(1, 3, 33, 33).double()

    def occluded():
        with pytest.warns(UserWarning, match="change one another's scores"):
            return Occlusion(net).attribute(x, (3, 9, 9), (3, 6, 6), target=1)

    quick, plain, _ = both(occluded)
    agree(quick, plain)


def test_a_random_operation_is_no_part_of_a_program():
    net, rows = model(Drawing), torch.randn(2, 3, 33, 33).double()
    noise = "random|constant of the model depends"
    with pytest.raises(NoProgramError, match=noise):
        program(net, rows[:1].clone(), rows.clone())


def test_arguments_that_follow_the_examples_are_inputs_of_the_program(worthwhile):
    class Scaled(Residual):
        def forward(self, x, scale):
            return super().forward(x * scale[:, None, None, None])

    net, x = model(Scaled), torch.randn(2, 3, 33, 33).double()
    scale = torch.tensor([0.5, 2.0]).double()
    agree(
        *both(
            lambda: Occlusion(net).attribute(
                x, (3, 9, 9), (3, 6, 6), target=1, additional_forward_args=scale
            )
        )[:2]
    )


def test_a_tape_that_keeps_nothing_tells_what_takes_the_place_of_what_is_gone():
    memory = np.ones((1, 3, 5, 5), np.float32)
    x = torch.from_numpy(memory)
    with torch.no_grad(), Tape([x], keeps=False) as tape:
        doubled = x * 2
        del x
        constant = torch.from_numpy(memory)  # of another storage in the same place
        tape.end(doubled * constant)
    assert not tape.values
    assert not tape.refusal
    assert tape.operations[0][1][0] == Value(0)
    assert tape.operations[1][1][1] is constant
