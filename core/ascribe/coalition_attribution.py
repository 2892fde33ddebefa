"""Methods that value features as the players of a game, from coalitions that are drawn at random.

One implements `CoalitionAttribution.estimate`: what coalitions to draw, and what they tell.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ascribe.coalitions import Game
from ascribe.draws import generator_of
from ascribe.errors import InputError
from ascribe.forward import check_count
from ascribe.sampled_attribution import SampledAttribution


class CoalitionAttribution(SampledAttribution):
    """Values of features as players of the game that the model's score is: see `Game`."""

    several_targets = True
    jointly = True

    #: True where ``n_samples=None`` asks for exact values.
    exact_without_samples: bool = False

    @abstractmethod
    def estimate(
        self, game: Game, n_samples: Any, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return the values of players and their standard errors, ``(targets, players, batch)``.

        Parameters
        ----------
        game
            Of one player at least.
        n_samples
            As ``attribute`` was given it.
        generator
            Of all that is drawn.
        """

    def attribute(
        self,
        inputs: Any,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        feature_mask: Any = None,
        n_samples: int | None = 25,
        perturbations_per_eval: int | None = None,
        show_progress: bool = False,
        background: Any = None,
        seed: int = 0,
        return_input_shape: bool = True,
        return_standard_errors: bool = False,
    ) -> Any:
        """Return, for each element, the value of its feature.

        Parameters
        ----------
        inputs
            A tensor ``(batch, *features)``, or a tuple, list or dict of such.
        baselines
            What absent features take: None (zero), a number, a tensor of the input's shape or
            with a batch of one, or one of these for each input.
        target
            Which score: None, an int, a tuple, one for each example in a tensor or list, a
            callable from output to scores, or `ascribe.Targets`.
        additional_forward_args
            What else the model takes; tensors with one entry for each example follow it.
        feature_mask
            Whole numbers from 0 of a shape that broadcasts to the input: elements of one number,
            in whichever input, are one feature and share one attribution. For several inputs one
            mask for each. By default each element is a feature.
        n_samples
            How much is drawn: see the class.
        perturbations_per_eval
            How many coalitions one model evaluation takes, each in a copy of the batch; by
            default as many as fit in the memory budget.
        show_progress
            Show a progress bar.
        background
            Instead of baselines a data set, ``(rows, *features)`` for each input: absent features
            take each row's in turn, and a coalition's value is the mean (interventional Shapley
            values, Janzing et al. 2020).
        seed
            Of the generator of what is drawn; examples share it. The global one is not touched.
        return_input_shape
            Return attributions in the form of the inputs (True), or one number for each feature,
            ``(batch, features)``, in the order of the numbers in the mask.
        return_standard_errors
            Return a pair: attributions, and the standard error of each: 0 where the number is
            exact or all draws agree on it, infinite where draws are too few to tell.

        Returns
        -------
        Tensor or tuple, list or dict of Tensor
            In the form, shape and dtype of ``inputs``; in units of the score. From a model that
            returns one number for the whole batch, with a batch of one.

        Raises
        ------
        InputError
            If a mask does not fit, or there are both baselines and a background.
        """
        players = (feature_mask, baselines, background)
        evaluation = (perturbations_per_eval, show_progress)
        form = (return_input_shape, return_standard_errors)
        with self.bind(inputs, target, additional_forward_args) as forward:
            game = Game(forward, *players, *evaluation, type(self).__name__)
            return self.valued(game, self.estimate, n_samples, seed, *form)

    def valued(
        self,
        game: Game,
        estimate: Callable[[Game, Any, torch.Generator], tuple[Tensor, Tensor]],
        n_samples: int | None,
        seed: int,
        return_input_shape: bool,
        return_standard_errors: bool,
    ) -> Any:
        """Return what ``attribute`` returns: by `estimate`, or a function like it."""
        if check_count(n_samples, "n_samples") is None and not self.exact_without_samples:
            raise InputError(f"{type(self).__name__} needs a number of samples, not n_samples=None")
        generator = generator_of(seed)
        values = estimate(game, n_samples, generator) if game.players else nobody(game)
        packed = [packed_values(game, part, return_input_shape) for part in values]
        return tuple(packed) if return_standard_errors else packed[0]


def nobody(game: Game) -> tuple[Tensor, Tensor]:
    """Return values and errors where there is no player."""
    nothing = game.of_all[:, None][:, :0]
    return nothing, nothing


def packed_values(game: Game, values: Tensor, return_input_shape: bool) -> Any:
    """Return values of players, ``(targets, players, batch)``, as the caller's.

    Parameters
    ----------
    game
        The players.
    values
        Of each.
    return_input_shape
        Whether each element gets its player's.
    """
    forward = game.forward
    if return_input_shape:
        return forward.pack(game.groups.spread(values))
    wide = forward.inputs.tensors[0]
    values = values.movedim(1, 2)
    return forward.pack_scores(values.to(wide.dtype if wide.is_floating_point() else values.dtype))
