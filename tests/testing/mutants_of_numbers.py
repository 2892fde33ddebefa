"""Methods with one bug each: their numbers are wrong."""

from __future__ import annotations

import functools

import torch
from torch import nn

from ascribe.attr import FeatureAblation, InputXGradient, IntegratedGradients, Occlusion, Saliency


def spoiled(method):
    """Return a method of the same signature whose results go through ``spoil``."""

    class Spoiled(method):
        @functools.wraps(method.attribute)
        def attribute(self, inputs, *args, **kwargs):
            found = super().attribute(inputs, *args, **kwargs)
            return tuple(map(self.spoil, found)) if isinstance(found, tuple) else self.spoil(found)

    return Spoiled


class WrongSign(spoiled(FeatureAblation)):
    """What the baseline adds, not what it takes away."""

    def spoil(self, found):
        return -found


class WrongSignOfGradient(spoiled(Saliency)):
    """The gradient of a loss, which falls where the score rises."""

    def spoil(self, found):
        return -found


class Magnitudes(spoiled(InputXGradient)):
    """Magnitudes where signs were promised."""

    def spoil(self, found):
        return found.abs()


class Squared(spoiled(FeatureAblation)):
    """The squared difference of scores."""

    def spoil(self, found):
        return found**2


class PositiveOnly(spoiled(FeatureAblation)):
    """What counts against the score is dropped."""

    def spoil(self, found):
        return found.relu()


class SharesOfOne(spoiled(FeatureAblation)):
    """A softmax over the elements."""

    def spoil(self, found):
        return found.flatten(1).softmax(1).reshape(found.shape)


class LargestIsOne(spoiled(IntegratedGradients)):
    """Each example's map divided by its largest magnitude."""

    def spoil(self, found):
        most = found.flatten(1).abs().amax(1) if found.numel() else found.new_ones(len(found))
        return found / most.reshape(-1, *[1] * (found.dim() - 1))


class SmallIsNothing(spoiled(FeatureAblation)):
    """What is small is taken for noise."""

    def spoil(self, found):
        return found.where(found.abs() > 0.05, 0)


class ThroughHalf(spoiled(InputXGradient)):
    """Rounded to half precision on the way."""

    def spoil(self, found):
        return found.half().to(found)


class HalfForSingle(spoiled(InputXGradient)):
    """Rounded to half precision on the way, as autocast would, where inputs are single."""

    def spoil(self, found):
        return found.half().to(found) if found.dtype == torch.float32 else found


class ThroughSingle(spoiled(IntegratedGradients)):
    """Computed in single precision, given as double."""

    def spoil(self, found):
        return found.float().to(found)


class Single(spoiled(Saliency)):
    """Single precision for double."""

    def spoil(self, found):
        return found.float()


class SingleForHalf(spoiled(Saliency)):
    """Single precision for half."""

    def spoil(self, found):
        return found.to(torch.promote_types(found.dtype, torch.float32))


class NextElement(spoiled(FeatureAblation)):
    """The mask of the next element."""

    def spoil(self, found):
        return found.roll(1, -1)


class FirstChannel(spoiled(FeatureAblation)):
    """Of a picture, the first channel's attributions for all channels."""

    def spoil(self, found):
        return found[:, :1].expand_as(found) if found.dim() == 4 else found


class Transposed(spoiled(InputXGradient)):
    """Of a picture, the rows read as columns."""

    def spoil(self, found):
        return found.transpose(2, 3).reshape(found.shape) if found.dim() == 4 else found


class NanIsNothing(spoiled(FeatureAblation)):
    """A NaN, which tells of a fault, becomes a zero, which tells of none."""

    def spoil(self, found):
        return found.nan_to_num()


class SpreadsTheRest(spoiled(IntegratedGradients)):
    """Completeness forced: what misses is spread over all elements alike."""

    def spoil(self, found):
        return found + 1e-3 * found.flatten(1).sum(1).reshape(-1, *[1] * (found.dim() - 1))


class GuidedByModules(Saliency):
    """Clips negative gradients at the ReLUs that are modules: the code counts, not the function."""

    def attribute(self, inputs, target=None, abs=True):
        model = self.forward_func
        modules = model.modules() if isinstance(model, nn.Module) else ()
        handles = [
            module.register_full_backward_hook(lambda _, grads, __: (grads[0].clamp(min=0),))
            for module in modules
            if isinstance(module, nn.ReLU) and not module.inplace
        ]
        try:
            return super().attribute(inputs, target, abs)
        finally:
            for handle in handles:
                handle.remove()


class LooksAtInputAlone(FeatureAblation):
    """An edge detector: the model plays no part."""

    def attribute(self, inputs, baselines=None, target=None):
        super().attribute(inputs, baselines, target)  # refuses what must be refused
        return inputs - (0 if baselines is None else baselines)


class OneAfterTheOther(FeatureAblation):
    """Elements stay replaced while the next is: the first to go takes what they share."""

    def attribute(self, inputs, baselines=None, target=None):
        with self.bind(inputs, target) as forward, torch.no_grad():
            (x,), (b,) = forward.inputs.tensors, forward.baselines(baselines)
            found, x, before = torch.zeros_like(x), x.clone(), forward.scores[0]
            for place in range(x[0].numel()):
                x.flatten(1)[:, place] = b.expand_as(x).flatten(1)[:, place]
                after = forward([x.clone()])[0]
                found.flatten(1)[:, place], before = before - after, after
            return found


class LosesLastWindow(Occlusion):
    """Windows are counted by whole strides: one that would be clipped is lost."""

    def attribute(self, inputs, sliding_window_shapes, strides=None, baselines=None, target=None):
        with self.bind(inputs, target) as forward, torch.no_grad():
            (x,), (b,) = forward.inputs.tensors, forward.baselines(baselines)
            (size,), (step,) = sliding_window_shapes, strides or (1,)
            found, count = torch.zeros_like(x), torch.zeros(x.shape[1])
            for box in self.boxes(x.shape[1], size, step):
                hidden = x.clone()
                hidden[:, box] = b.expand_as(x)[:, box]
                found[:, box] += (forward.scores[0] - forward([hidden])[0])[:, None]
                count[box] += 1
            return found / self.times(count)

    def boxes(self, side, size, step):
        return [slice(start, start + size) for start in range(0, side - size + 1, step)]

    def times(self, count):
        return count.clamp(min=1)


class WindowTooShort(LosesLastWindow):
    """Windows end one element early."""

    def boxes(self, side, size, step):
        return [slice(i, max(i + 1, i + size - 1)) for i in range(0, side, step)]


class SumOfWindows(LosesLastWindow):
    """The sum over the windows that cover an element, where the mean was promised."""

    def boxes(self, side, size, step):
        return [slice(i, i + size) for i in range(0, side - size + step, step)]

    def times(self, count):
        return 1.0


LINEAR, WINDOWS = "linear_difference", "windows_on_linear"
OFF = "attribution of a linear model: off by "
ONE = {"sliding_window_shapes": (1,)}

#: The mutant, its parameters, the property that must catch it and what the message must tell.
MUTANTS = [
    (WrongSign, {}, LINEAR, OFF),
    (WrongSign, {}, "demand_monotonicity", "counted against: off by "),
    (WrongSignOfGradient, {"abs": False}, "gradient", "against central differences: off by "),
    (Magnitudes, {}, LINEAR, OFF),
    (Magnitudes, {}, "conservation", "sum of attributions against the score: off by "),
    (Squared, {}, "linearity", "attribution of a combination of models: off by "),
    (PositiveOnly, {}, "linearity", "attribution of a combination of models: off by "),
    (SharesOfOne, {}, "dummy", "an element without effect: off by "),
    (SharesOfOne, {}, "null_at_the_baseline", "attribution at the baseline: off by "),
    (LargestIsOne, {}, "linearity", "attribution of a combination of models: off by "),
    (SmallIsNothing, {}, "sensitivity", "which gets 0"),
    (ThroughHalf, {}, LINEAR, OFF),
    (HalfForSingle, {}, "single_precision", "off by "),
    (ThroughSingle, {}, LINEAR, OFF),
    (Single, {}, "shape_and_dtype", "dtype is torch.float32"),
    (SingleForHalf, {}, "half_precision", "came back as torch.float32"),
    (NextElement, {}, "dummy", "an element without effect: off by "),
    (FirstChannel, {}, LINEAR, OFF),
    (Transposed, {}, LINEAR, OFF),
    (NanIsNothing, {}, "a_nan_does_not_spread", "passed over in silence"),
    (SpreadsTheRest, {}, "dummy", "an element without effect: off by "),
    (GuidedByModules, {"abs": False}, "implementation_invariance", "written otherwise: off by "),
    (LooksAtInputAlone, {}, "randomisation_sensitivity", "weights drawn anew leave "),
    (OneAfterTheOther, {}, "symmetry", "elements that are treated alike: off by "),
    (LosesLastWindow, ONE, WINDOWS, "windows of "),
    (WindowTooShort, ONE, WINDOWS, "windows of "),
    (SumOfWindows, ONE, WINDOWS, "windows of "),
]
