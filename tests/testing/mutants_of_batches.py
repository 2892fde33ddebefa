"""Methods with one bug each, in how rows lie, are cut and are put together."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ascribe.attr import FeatureAblation, InputXGradient, IntegratedGradients, Occlusion, Saliency
from ascribe.batching import Chunk
from ascribe.perturbation import ablate
from ascribe.windows import Windows


def spoiled(method):
    """Return a method of the same signature whose results go through ``spoil``."""

    class Spoiled(method):
        @functools.wraps(method.attribute)
        def attribute(self, inputs, *args, **kwargs):
            found = super().attribute(inputs, *args, **kwargs)
            return tuple(map(self.spoil, found)) if isinstance(found, tuple) else self.spoil(found)

    return Spoiled


class DividesByBatch(spoiled(InputXGradient)):
    """The gradient of the mean score of a batch."""

    def spoil(self, found):
        return found / max(1, len(found))


class CentredOverBatch(spoiled(IntegratedGradients)):
    """The mean over the batch is subtracted."""

    def spoil(self, found):
        return found - found.mean(0) if len(found) > 1 else found


class NormalisedOverBatch(spoiled(Saliency)):
    """Divided by the largest of the batch."""

    def spoil(self, found):
        return found / found.abs().amax().clamp(min=1e-9) if found.numel() else found


class DependsOnOrder(spoiled(FeatureAblation)):
    """Later examples count less: a running mean goes through the batch."""

    def spoil(self, found):
        return found * 0.99 ** torch.arange(len(found)).reshape(-1, *[1] * (found.dim() - 1))


class EmptyRaises(InputXGradient):
    """A batch of none is an error."""

    def attribute(self, inputs, target=None, additional_forward_args=None):
        first = inputs if isinstance(inputs, Tensor) else inputs[0]
        first[0]
        return super().attribute(inputs, target, additional_forward_args)


class ReadsStorage(InputXGradient):
    """The input is read in the order in which it lies in memory."""

    def attribute(self, inputs, target=None):
        if isinstance(inputs, Tensor) and inputs.numel():
            strides = torch.empty(inputs.shape).stride()
            lies = inputs.untyped_storage().nbytes() // inputs.element_size()
            if lies >= inputs.numel() + inputs.storage_offset():
                inputs = inputs.as_strided(inputs.shape, strides)
        return super().attribute(inputs, target)


class NeedsContiguous(InputXGradient):
    """The input is viewed as a vector, which not every layout allows."""

    def attribute(self, inputs, target=None):
        if isinstance(inputs, Tensor):
            inputs = inputs.view(-1).view(inputs.shape)
        return super().attribute(inputs, target)


class NeedsGradMode(Saliency):
    """Nobody turned gradients on."""

    def attribute(self, inputs, target=None, abs=True):
        x = inputs.detach().clone().requires_grad_()
        pick = range(len(x)), target
        (found,) = torch.autograd.grad(self.forward_func(x.clone())[pick].sum(), x)
        return found.abs() if abs else found


class MatrixOfWindows(Occlusion):
    """Windows are spread by a product with ones and zeros: a NaN times zero is a NaN."""

    def attribute(self, inputs, sliding_window_shapes=None, baselines=None, target=None):
        with self.bind(inputs, target) as forward:
            windows = Windows(forward.inputs, sliding_window_shapes)
            falls = ablate(forward, windows, baselines)
            (masks,) = windows.masks(Chunk(slice(0, len(windows)), slice(0, 1)))
            cover = masks.flatten(1).to(falls)
            total = torch.einsum("twb,wf->tbf", falls, cover) / cover.sum(0)
            return forward.pack([total.reshape(-1, *forward.inputs.tensors[0].shape)])


class Ablation(FeatureAblation):
    """Not a mutant: the ablation of one input, chunk by chunk."""

    @classmethod
    def claims(cls, **parameters):
        masked = ("groups_on_linear",)  # it takes no feature mask
        return {k: v for k, v in super().claims(**parameters).items() if k not in masked}

    def attribute(
        self,
        inputs,
        baselines=None,
        target=None,
        additional_forward_args=None,
        perturbations_per_eval=None,
    ):
        if isinstance(inputs, tuple):
            return super().attribute(inputs, baselines, target, additional_forward_args)
        with self.bind(inputs, target, additional_forward_args) as forward, torch.no_grad():
            (x,), (b,) = forward.inputs.tensors, forward.baselines(baselines)
            count = x[:1].expand(1, *x.shape[1:]).numel() if len(x) else 0
            falls = forward.scores.new_zeros(forward.targets, len(x), count)
            size = perturbations_per_eval or max(1, count)
            for start in self.starts(count, size):
                places = torch.arange(start, min(start + size, count))
                masks = torch.eye(count, dtype=torch.bool)[places].reshape(-1, 1, *x.shape[1:])
                rows, chunk = (
                    self.replace(masks, b, x),
                    Chunk(slice(0, len(places)), slice(0, len(x))),
                )
                scores = self.scores(forward, rows, chunk)
                falls[:, :, places] = forward.scores[..., None] - scores.transpose(1, 2)
            return forward.pack([falls.reshape(forward.targets, *x.shape)])

    def starts(self, count, size):
        return range(0, count, size)

    def replace(self, masks, b, x):
        return torch.where(masks, b, x)

    def scores(self, forward, rows, chunk):
        return forward([rows.flatten(0, 1)], chunk).unflatten(1, (chunk.copies, -1))


class LosesLastChunk(Ablation):
    """The last chunk is lost where it is not full."""

    def starts(self, count, size):
        return range(0, count - size + 1, size)


class ArgumentsStay(Ablation):
    """Rows go example by example, their additional arguments variant by variant."""

    def scores(self, forward, rows, chunk):
        by_example = forward([rows.transpose(0, 1).flatten(0, 1)], chunk)
        return by_example.unflatten(1, (-1, chunk.copies)).transpose(1, 2)


class TimesMask(Ablation):
    """Elements are replaced by a product with a mask: a NaN times zero is a NaN."""

    def replace(self, masks, b, x):
        return x * ~masks + b * masks


ALONE, LAYOUT = "examples_are_independent", "memory_layout"
NAN, CUT = "a_nan_does_not_spread", "how_work_is_cut"

#: The mutant, its parameters, the property that must catch it and what the message must tell.
MUTANTS = [
    (DividesByBatch, {}, ALONE, "beside other examples: off by "),
    (CentredOverBatch, {}, ALONE, "beside other examples: off by "),
    (NormalisedOverBatch, {}, ALONE, "beside other examples: off by "),
    (DependsOnOrder, {}, ALONE, "off by "),
    (EmptyRaises, {}, "empty_batch", "raised IndexError"),
    (ReadsStorage, {}, LAYOUT, "laid out otherwise: off by "),
    (NeedsContiguous, {}, LAYOUT, "raised RuntimeError: view size"),
    (NeedsGradMode, {}, "where_gradients_are_off", "raised RuntimeError: element 0 of tensors"),
    (MatrixOfWindows, {"sliding_window_shapes": (1,)}, NAN, "with a NaN elsewhere: off by inf"),
    (TimesMask, {}, NAN, "with a NaN elsewhere: off by inf"),
    (LosesLastChunk, {}, CUT, "with another perturbations_per_eval: off by "),
    (ArgumentsStay, {}, CUT, "with another perturbations_per_eval: off by "),
]

#: What the mutants are made from, which must pass.
GOOD = [(Ablation, {})]
