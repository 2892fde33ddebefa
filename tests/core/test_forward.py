import threading

import pytest
import torch
from torch import nn

from ascribe import batching
from ascribe.batching import Chunk, chunks
from ascribe.errors import AscribeWarning, InputError
from ascribe.forward import Forward
from ascribe.inputs import Inputs
from ascribe.targets import Targets


def scaled(forward, factors, **how):
    """Return the scores of the inputs times each factor."""

    def vary(chunk):
        x = forward.part(forward.inputs.tensors[0], chunk)
        return (x * factors[chunk.variants].reshape(-1, *[1] * (x.dim() - 1)),)

    return forward.evaluate(len(factors), vary, **how)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 7, 100])
def test_chunks_cover_all_work_once(rows):
    seen = torch.zeros(7, 3)
    for chunk in chunks(7, 3, rows):
        seen[chunk.variants, chunk.examples] += 1
        assert chunk.rows <= rows
    assert (seen == 1).all()
    assert chunks(7, 0, rows) == chunks(0, 3, rows) == []


@pytest.mark.parametrize("per_eval", [None, 1, 2, 3, 50])
def test_how_work_is_cut_changes_nothing(per_eval):
    x, factors = torch.randn(3, 4, dtype=torch.float64), torch.arange(7.0, dtype=torch.float64)
    with Forward(lambda x: (x**2).sum(1), Inputs.of(x)) as forward:
        table = scaled(forward, factors, perturbations_per_eval=per_eval)
    torch.testing.assert_close(table[0], factors[:, None] ** 2 * (x**2).sum(1))


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, "2"])
def test_a_bad_batch_size_is_refused(bad):
    with (
        Forward(lambda x: x, Inputs.of(torch.ones(2))) as forward,
        pytest.raises(InputError, match="perturbations_per_eval must be None or an integer"),
    ):
        scaled(forward, torch.ones(2), perturbations_per_eval=bad)


def test_additional_arguments_follow_their_examples_and_others_pass_through():
    x, weight, seen = torch.ones(3, 2), torch.tensor([1.0, 10.0, 100.0]), []

    def model(x, weight, table, flag, *, mode):
        seen.append((table.shape, flag, mode))
        return x.sum(1) * weight

    table = torch.ones(5, 5)

    def call(x, *args):
        return model(x, *args, mode="a")

    with Forward(call, Inputs.of(x), None, (weight, table, "f")) as forward:
        got = scaled(forward, torch.tensor([1.0, 2.0]), perturbations_per_eval=1)
        both = scaled(forward, torch.tensor([1.0, 2.0]), perturbations_per_eval=2)
    assert got.tolist() == both.tolist() == [[[2, 20, 200], [4, 40, 400]]]
    assert set(seen) == {((5, 5), "f", "a")}


def test_dict_inputs_and_dict_arguments_are_keywords():
    def model(*, ids, mask, scale):
        return (ids * mask).sum(1) * scale

    inputs = Inputs.of({"mask": torch.ones(2, 3), "ids": torch.full((2, 3), 2.0)})
    with Forward(model, inputs, None, {"scale": torch.tensor([1.0, 2.0])}) as forward:
        assert forward.scores.tolist() == [[6, 12]]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("keep", [False, True])
def test_a_model_with_one_score_for_the_batch_is_evaluated_batch_by_batch(batch, keep):
    sizes, x = [], torch.arange(1.0, batch + 1)[:, None]

    def model(x):
        sizes.append(len(x))
        return x.mean(0) if keep else x.mean()

    with Forward(model, Inputs.of(x)) as forward:
        table = scaled(forward, torch.tensor([1.0, 2.0, 3.0]))
        assert forward.coupled
    assert table[0, :, 0].tolist() == [x.mean(), 2 * x.mean(), 3 * x.mean()]
    assert sizes.count(batch) >= 4


def test_batch_norm_in_training_mode_is_never_cut_and_warned_of():
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1))
    x, before = torch.randn(4, 2), model[0].running_mean.clone()
    with (
        pytest.warns(AscribeWarning, match=r"training mode \(BatchNorm1d\).*model\.eval"),
        Forward(model, Inputs.of(x)) as forward,
    ):
        table = scaled(forward, torch.tensor([1.0, 2.0]))
    with torch.no_grad():
        expected = torch.stack([model(x)[:, 0], model(2 * x)[:, 0]])
    assert torch.equal(table[0], expected)
    model[0].running_mean.copy_(before)
    with (
        pytest.warns(AscribeWarning, match="training mode"),
        Forward(model, Inputs.of(x)) as forward,
    ):
        scaled(forward, torch.tensor([1.0, 2.0]))
    assert torch.equal(model[0].running_mean, before)  # put back


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 1)).eval(),
        lambda x: ((x - x.mean(0)) ** 2).sum(1),
        lambda x: x.sum(1) / x.norm(),
    ],
)
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("per_eval", [None, 2])
def test_rows_that_depend_on_one_another_are_not_joined(model, batch, per_eval):
    x = torch.randn(batch + 1, 4)[:batch] if batch > 1 else torch.randn(1, 4)
    if batch == 1 and isinstance(model, nn.Module):
        pytest.skip("a batch norm of one example is constant")
    with Forward(model, Inputs.of(x)) as forward:
        table = scaled(forward, torch.tensor([1.0, 2.0, 3.0]), perturbations_per_eval=per_eval)
        assert forward.coupled
    expected = torch.stack([model(factor * x).reshape(-1).detach() for factor in (1, 2, 3)])
    torch.testing.assert_close(table[0], expected)


def test_what_mixes_examples_is_warned_of():
    with (
        Forward(lambda x: (x - x.mean(0)).sum(1), Inputs.of(torch.randn(2, 4))) as forward,
        pytest.warns(AscribeWarning, match="look for a norm over the batch"),
    ):
        forward.probe()


def test_one_score_for_a_batch_that_does_not_fit_is_refused():
    def model(x):
        if len(x) > 1:
            raise MemoryError("out of memory")
        return x.sum() ** 2

    with (
        Forward(model, Inputs.of(torch.ones(2, 2))) as forward,
        pytest.raises(MemoryError),
    ):
        forward.scores  # noqa: B018


def test_a_baseline_is_safe_from_a_model_that_writes_to_what_it_is_given():
    baseline = torch.ones(2, 3)
    with Forward(lambda x: x.mul_(2).sum(1), Inputs.of(torch.zeros(2, 3))) as forward:
        assert forward.scores_at_baselines(baseline).tolist() == [[6, 6]]
    assert (baseline == 1).all()


def test_a_callable_target_may_write_to_the_output():
    targets = Targets([0, lambda output: output.mul_(2)[:, 0], 0])
    with Forward(lambda x: x, Inputs.of(torch.ones(1, 2)), targets) as forward:
        assert forward.scores.tolist() == [[1], [2], [1]]


def test_inputs_and_arguments_are_safe_from_a_model_that_writes_to_them():
    x, y, extra = torch.ones(2, 2), torch.ones(2, 2), torch.ones(2)

    def model(x, y, extra):
        return x.mul_(2).sum(1) + y.mul_(3).sum(1) + extra.mul_(5)

    with Forward(model, Inputs.of((x, y)), None, extra) as forward:
        assert forward.scores.tolist() == [[15, 15]]
        for per_eval in (1, 2):
            forward.evaluate(
                2, lambda chunk: (forward.part(x, chunk), forward.part(y, chunk)), per_eval
            )
    assert (x == 1).all()
    assert (y == 1).all()
    assert (extra == 1).all()


@pytest.mark.parametrize("fits", [1, 2, 5])
def test_where_memory_runs_out_chunks_are_halved_until_they_fit(fits):
    sizes = []

    def model(x):
        sizes.append(len(x))
        if len(x) > fits:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")
        return x.sum(1)

    x = torch.ones(3, 2)
    with Forward(model, Inputs.of(x)) as forward:
        table = scaled(forward, torch.arange(8.0))
    assert torch.equal(table[0], 2 * torch.arange(8.0)[:, None].expand(8, 3))
    assert max(sizes[-5:]) <= fits


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), RuntimeError("other")])
def test_errors_that_no_smaller_chunk_can_mend_are_the_caller_s(error):
    def model(x):
        if len(calls) > 0:
            raise error
        calls.append(1)
        return x.sum(1)

    calls = []
    with (
        Forward(model, Inputs.of(torch.ones(2, 2))) as forward,
        pytest.raises(RuntimeError, match=str(error)),
    ):
        scaled(forward, torch.ones(4))


def test_chunks_grow_with_the_budget_and_shrink_with_the_model(monkeypatch):
    def rows(width, budget):
        monkeypatch.setattr(batching, "CPU_BUDGET", budget)
        model = nn.Sequential(nn.Linear(4, width), nn.Linear(width, 1))
        with Forward(model, Inputs.of(torch.ones(1, 4))) as forward:
            return forward.rows_that_fit(), forward.rows_that_fit(differentiated=True)

    assert rows(1000, 4 * 4000 * 10)[0] == 10
    assert rows(2000, 4 * 4000 * 10)[0] == 5
    assert rows(1000, 1) == (1, 1)
    assert rows(1000, 2**20)[1] > rows(2000, 2**20)[1]


def test_an_empty_batch_needs_no_model():
    def model(x):
        raise AssertionError("was called")

    with Forward(model, Inputs.of(torch.ones(0, 2)), 3) as forward:
        assert scaled(forward, torch.ones(4)).shape == (1, 4, 0)


@pytest.mark.parametrize("per_eval", [None, 1, 2])
@pytest.mark.parametrize("batch", [1, 3])
def test_progress_counts_every_evaluation_and_ends_at_its_total(monkeypatch, per_eval, batch):
    from tqdm import auto

    seen, rows = [], []

    class Bar(auto.tqdm):
        def __init__(self, *args, **kwargs):
            rows.clear()  # what was evaluated before is no work to wait for
            super().__init__(*args, **kwargs)

        def update(self, n=1):
            seen.append(n)
            return super().update(n)

        def __exit__(self, *error):
            seen.append(("end", self.n, self.total))
            super().__exit__(*error)

    monkeypatch.setattr(auto, "tqdm", Bar)

    def model(x):
        rows.append(len(x))
        return x.sum(1)

    with Forward(model, Inputs.of(torch.ones(batch, 2))) as forward:
        scaled(forward, torch.ones(5), perturbations_per_eval=per_eval, show_progress=True)
    assert seen[-1] == ("end", 5 * batch, 5 * batch)
    assert sum(seen[:-1]) == sum(rows) == 5 * batch


def test_half_precision_scores_are_kept_in_single():
    with Forward(lambda x: x.sum(1), Inputs.of(torch.ones(2, 3).half())) as forward:
        assert forward.scores.dtype == torch.float32
        assert scaled(forward, torch.ones(2).half()).dtype == torch.float32


def test_one_model_may_be_explained_in_several_threads_at_once():
    model, x = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1)), torch.randn(2, 4)
    expected, wrong = model(x).detach(), []

    def work():
        for _ in range(50):
            with Forward(model, Inputs.of(x)) as forward:
                wrong.extend([1] * (not torch.allclose(forward.scores[0], expected[:, 0])))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_chunk_knows_its_halves():
    assert Chunk(slice(0, 5), slice(0, 2)).halves() == [
        Chunk(slice(0, 3), slice(0, 2)),
        Chunk(slice(3, 5), slice(0, 2)),
    ]
    assert Chunk(slice(4, 5), slice(0, 2)).halves() == [
        Chunk(slice(4, 5), slice(0, 1)),
        Chunk(slice(4, 5), slice(1, 2)),
    ]
