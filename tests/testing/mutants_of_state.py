"""Methods with one bug each: they leave a trace, or are felt elsewhere."""

from __future__ import annotations

import torch
from torch import nn

from ascribe.attr import FeatureAblation, Saliency


class OfModules(Saliency):
    """Not a mutant: saliency that does something to a model around the call."""

    def attribute(self, inputs, target=None):
        if not isinstance(self.forward_func, nn.Module):
            return super().attribute(inputs, target)
        self.before(self.forward_func)
        found = super().attribute(inputs, target)
        self.after(self.forward_func)
        return found

    def before(self, model):
        pass

    def after(self, model):
        pass


class LeavesHook(OfModules):
    """Forgets to remove a hook."""

    def after(self, model):
        model.register_forward_hook(lambda *_: None)


class LeavesInnerHook(OfModules):
    """Forgets to remove the hooks of inner modules."""

    def after(self, model):
        for module in list(model.modules())[1:]:
            module.register_full_backward_hook(lambda *_: None)


class LeavesHookAfterException(OfModules):
    """Removes its hook, but not in a ``finally``."""

    def before(self, model):
        self.handle = model.register_forward_hook(lambda *_: None)

    def after(self, model):
        self.handle.remove()


class Trains(OfModules):
    """Switches to training mode at the end, whatever it was before."""

    def after(self, model):
        model.train()


class StopsTraining(OfModules):
    """Switches to evaluation mode for good."""

    def before(self, model):
        model.eval()


class TrainsAfterException(OfModules):
    """Switches the mode back, but not in a ``finally``."""

    def before(self, model):
        model.train()

    def after(self, model):
        model.eval()


class FreezesParameters(OfModules):
    """Leaves ``requires_grad`` of parameters off."""

    def before(self, model):
        model.requires_grad_(False)


class FreezesAfterException(FreezesParameters):
    """Turns ``requires_grad`` on again, but not in a ``finally``."""

    def after(self, model):
        model.requires_grad_(True)


class ThawsParameters(OfModules):
    """Turns ``requires_grad`` of all parameters on, of frozen ones too."""

    def after(self, model):
        model.requires_grad_(True)


class ForgetsGradients(OfModules):
    """Clears the gradients that a training loop has gathered."""

    def before(self, model):
        model.zero_grad()


class GathersGradients(OfModules):
    """Runs backward through the parameters: ``.grad`` accumulates."""

    def before(self, model):
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)


class WritesAttribute(OfModules):
    """Keeps something on the model."""

    def after(self, model):
        model.last_target = 0


class ReplacesAttribute(OfModules):
    """Makes ReLUs work out of place, and leaves it so."""

    def before(self, model):
        for module in model.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = False


class ChangesBuffers(OfModules):
    """Runs a batch norm in training mode: its statistics move."""

    def after(self, model):
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train()(torch.randn(2, module.num_features, 3, 3).to(module.weight))
                module.eval()


class ChangesBuffersOnly(OfModules):
    """Writes to a batch norm's statistics."""

    def after(self, model):
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean *= 0.9


class ChangesWeights(OfModules):
    """Divides the weights by their norm."""

    def after(self, model):
        for parameter in model.parameters():
            parameter.data /= parameter.data.norm()


class ChangesInput(FeatureAblation):
    """Writes the baseline into the caller's tensor."""

    def attribute(self, inputs, baselines=None, target=None):
        found = super().attribute(inputs, baselines, target)
        with torch.no_grad():
            (inputs if isinstance(inputs, torch.Tensor) else inputs[0]).zero_()
        return found


class ChangesInputForAWhile(FeatureAblation):
    """Writes to the caller's tensor and puts it back: another thread, or autograd, notices."""

    def attribute(self, inputs, baselines=None, target=None):
        first = inputs if isinstance(inputs, torch.Tensor) else inputs[0]
        copy = first.clone()
        first.zero_()
        first.copy_(copy)
        return super().attribute(inputs, baselines, target)


class LeavesInputRequiringGrad(Saliency):
    """Turns ``requires_grad`` of the caller's tensor on."""

    def attribute(self, inputs, target=None):
        for tensor in (inputs,) if isinstance(inputs, torch.Tensor) else inputs:
            tensor.requires_grad_()
        return super().attribute(inputs, target)


class StopsInputRequiringGrad(Saliency):
    """Turns ``requires_grad`` of the caller's tensor off, where the caller had it on."""

    def attribute(self, inputs, target=None):
        for tensor in (inputs,) if isinstance(inputs, torch.Tensor) else inputs:
            tensor.requires_grad_(False)
        return super().attribute(inputs, target)


class LeavesInputGrad(Saliency):
    """Leaves a gradient on the caller's tensor."""

    def attribute(self, inputs, target=None):
        for tensor in (inputs,) if isinstance(inputs, torch.Tensor) else inputs:
            tensor.grad = torch.zeros_like(tensor)
        return super().attribute(inputs, target)


class TogglesParameters(OfModules):
    """Turns ``requires_grad`` off during the call, which another thread's training feels."""

    def attribute(self, inputs, target=None):
        if not isinstance(self.forward_func, nn.Module):
            return super().attribute(inputs, target)
        self.forward_func.requires_grad_(False)
        try:
            return super().attribute(inputs, target)
        finally:
            self.forward_func.requires_grad_(True)


class TogglesMode(OfModules):
    """Switches to evaluation mode during the call, which another thread's training feels."""

    def attribute(self, inputs, target=None):
        if not isinstance(self.forward_func, nn.Module):
            return super().attribute(inputs, target)
        was = self.forward_func.training
        self.forward_func.eval()
        try:
            return super().attribute(inputs, target)
        finally:
            self.forward_func.train(was)


class HooksAnswer(OfModules):
    """Scales the answer through a hook during the call, which another thread feels."""

    def attribute(self, inputs, target=None):
        if not isinstance(self.forward_func, nn.Module):
            return super().attribute(inputs, target)
        handle = self.forward_func.register_forward_hook(lambda model, args, answer: 2 * answer)
        try:
            found = super().attribute(inputs, target)
        finally:
            handle.remove()
        return tuple(f / 2 for f in found) if isinstance(found, tuple) else found / 2


TRACE, EXCEPTION = "leaves_no_trace", "leaves_no_trace_after_an_exception"
THREAD = "beside_another_thread"

#: The mutant, its parameters, the property that must catch it and what the message must tell.
MUTANTS = [
    (LeavesHook, {}, TRACE, "attribute _forward_hooks of module ''"),
    (LeavesInnerHook, {}, TRACE, "attribute _backward_hooks of module '"),
    (LeavesHookAfterException, {}, EXCEPTION, "attribute _forward_hooks of module ''"),
    (Trains, {}, TRACE, "attribute training of module ''"),
    (StopsTraining, {}, TRACE, "attribute training of module ''"),
    (TrainsAfterException, {}, EXCEPTION, "attribute training of module ''"),
    (FreezesParameters, {}, TRACE, "weight's requires_grad"),
    (FreezesAfterException, {}, EXCEPTION, "weight's requires_grad"),
    (ThawsParameters, {}, TRACE, "weight's requires_grad"),
    (ForgetsGradients, {}, TRACE, "weight's grad"),
    (GathersGradients, {}, TRACE, "weight's grad"),
    (WritesAttribute, {}, TRACE, "attribute last_target of module ''"),
    (ReplacesAttribute, {}, TRACE, "attribute inplace of module '"),
    (ChangesBuffers, {}, TRACE, "running_mean"),
    (ChangesBuffersOnly, {}, TRACE, "running_mean"),
    (ChangesWeights, {}, TRACE, "the model's weight"),
    (ChangesInput, {}, TRACE, "input 0, "),
    (ChangesInputForAWhile, {}, TRACE, "input 0's version"),
    (LeavesInputRequiringGrad, {}, TRACE, "input 0's requires_grad"),
    (StopsInputRequiringGrad, {}, TRACE, "input 0's requires_grad"),
    (LeavesInputGrad, {}, TRACE, "input 0's grad"),
    (TogglesParameters, {}, THREAD, "another thread felt it"),
    (TogglesMode, {}, THREAD, "another thread felt it"),
    (HooksAnswer, {}, THREAD, "another thread felt it"),
]
