"""The constraint network: what each loss term does, absent branches, the same bits from the same seed."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from radiofuse.deep.fusion.constrained_net import (  # noqa: E402
    TERMS,
    ConstraintNet,
    Objective,
    _terms,
    fit_constraint_net,
)
from radiofuse.deep.fusion.constraint_terms import (  # noqa: E402
    central_moments,
    kl_similarity,
    literal_norm,
    orthogonality,
)


def draw(n_rows=80, widths=(5, 7), seed=0):
    """Branches that share two causes of the label and have two causes each of their own."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_rows) % 2
    shared = rng.normal(size=(n_rows, 2)) + 0.5 * y[:, None]
    own = [rng.normal(size=(n_rows, 2)) + 0.5 * y[:, None] for _ in widths]
    mixed = [np.hstack([shared, alone]) @ rng.normal(size=(4, w)) for alone, w in zip(own, widths, strict=True)]
    return [(x - x.mean(axis=0)) / x.std(axis=0) for x in mixed], np.ones((n_rows, len(widths)), dtype=bool), y


def objective(**changes):
    given = {"difference": "orthogonality", "alpha": 0.7, "beta": 0.7, "gamma": 0.7}
    return Objective(**{**given, "epochs": 200, "learning_rate": 0.01, "weight_decay": 0.1, **changes})


def restored(weights, widths):
    net = ConstraintNet(widths, torch.Generator())
    net.load_state_dict({name: torch.as_tensor(value) for name, value in weights.items()})
    return net.eval()


def final(inputs, present, y, **changes):
    """What the trained network makes of its training rows, and its losses."""
    weights, losses = fit_constraint_net(inputs, present, y, objective(**changes), 0)
    tensors = [torch.as_tensor(x) for x in inputs]
    with torch.no_grad():
        return restored(weights, [x.shape[1] for x in inputs])(tensors, torch.as_tensor(present)), losses


def codes(n_rows=12, seed=0):
    return torch.randn(n_rows, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ---- the terms


def test_similarity_is_the_mean_of_both_divergences():
    a, b = codes(seed=1), codes(seed=2)
    p, q = torch.softmax(a, 1), torch.softmax(b, 1)
    there, back = (p * (p / q).log()).sum(1), (q * (q / p).log()).sum(1)
    torch.testing.assert_close(kl_similarity(a, b, torch.ones(12)), ((there + back) / 2).mean())
    assert kl_similarity(a, a, torch.ones(12)) == 0
    assert kl_similarity(a, a + 3, torch.ones(12)).item() == pytest.approx(0, abs=1e-15)  # softmax sees no shift


def test_orthogonality_is_zero_for_orthogonal_codes_and_blind_to_shift_and_length():
    a = codes(seed=1)
    turned = torch.stack([torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 0.0])]).repeat(6, 1)
    across = torch.stack([torch.tensor([0.0, 1.0])] * 6 + [torch.tensor([0.0, -1.0])] * 6)
    # Some processors round the sums of a matrix product in another order: 1e-27 for 0.
    assert orthogonality(turned, across, torch.ones(12)) < 1e-12
    assert orthogonality(a, a, torch.ones(12)) > 0.1
    moved = orthogonality(5 * a + 3, codes(seed=2), torch.ones(12))
    torch.testing.assert_close(moved, orthogonality(a, codes(seed=2), torch.ones(12)), rtol=1e-4, atol=0)


def test_orthogonality_is_the_formula_of_misa_over_the_square_of_the_rows():
    a, b = codes(seed=1), codes(seed=2)
    A, B = (x.numpy() - x.numpy().mean(axis=0) for x in (a, b))
    A, B = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (A, B))
    expected = ((A.T @ B) ** 2).mean() / 12**2
    assert orthogonality(a, b, torch.ones(12)).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("term", [kl_similarity, orthogonality, literal_norm])
def test_rows_without_both_codes_do_not_count(term):
    a, b, both = codes(seed=1), codes(seed=2), torch.tensor([1.0] * 7 + [0.0] * 5)
    garbled = torch.where(both[:, None] > 0, b, 1e3)
    torch.testing.assert_close(term(a, garbled, both), term(a[:7], b[:7], torch.ones(7)))
    assert term(a, b, torch.zeros(12)) == 0


def test_no_term_has_a_gradient_that_is_no_number_at_equal_codes():
    for term in (kl_similarity, orthogonality, literal_norm):
        a = torch.zeros(4, 2, requires_grad=True)
        term(a, torch.zeros(4, 2), torch.ones(4)).backward()
        assert a.grad.isfinite().all()


# ---- the network


def test_every_branch_brings_four_numbers():
    net = ConstraintNet([3, 5, 2], torch.Generator().manual_seed(0))
    passed = net([torch.ones(6, w, dtype=torch.float64) for w in (3, 5, 2)], torch.ones(6, 3))
    assert net.classify.in_features == 4 * 3
    assert passed.projected.shape == passed.rebuilt.shape == (3, 6, 8)
    assert passed.invariant.shape == passed.specific.shape == (3, 6, 2)
    assert passed.logits.shape == (6, 2)
    assert len({id(layer) for layer in net.specific}) == 3
    assert net.invariant.in_features == 8


def test_a_row_without_a_branch_does_not_depend_on_what_stands_there():
    inputs, present, y = draw()
    present[:20, 1] = False
    garbled = [inputs[0], np.where(present[:, [1]], inputs[1], 7.0)]
    told, losses = final(inputs, present, y)
    other, same_losses = final(garbled, present, y)
    assert (told.invariant[1, :20] == 0).all()
    assert (told.specific[1, :20] == 0).all()
    torch.testing.assert_close(told.logits, other.logits)
    np.testing.assert_allclose(losses, same_losses)


def test_branches_that_no_row_has_together_are_learned_all_the_same():
    inputs, present, y = draw()
    present[:40, 0], present[40:, 1] = False, False
    _, losses = final(inputs, present, y, epochs=50)
    assert np.isfinite(losses).all()
    assert (losses[:, TERMS.index("similarity")] == 0).all()


# ---- what training does


@pytest.mark.parametrize("widths", [(5, 7), (5, 7, 4)])
def test_the_printed_equation_makes_the_codes_equal_and_orthogonality_does_not(widths):
    distances = {}
    for difference in ("literal_norm", "orthogonality"):
        passed, _ = final(*draw(widths=widths), difference=difference, epochs=300)
        distances[difference] = (passed.invariant - passed.specific).norm(dim=2).mean().item()
    assert distances["literal_norm"] < 0.05
    assert distances["orthogonality"] > 0.5


def test_each_constraint_is_met_only_if_it_is_asked_for():
    drawn = draw()
    _, asked = final(*drawn)
    for weight, term in (("alpha", "similarity"), ("beta", "difference"), ("gamma", "reconstruction")):
        _, unasked = final(*drawn, **{weight: 0.0})
        place = TERMS.index(term)
        assert asked[-1, place] < 0.5 * unasked[-1, place]


def test_codes_are_rebuilt_and_do_not_shrink_to_zero():
    passed, _ = final(*draw())
    assert (passed.rebuilt - passed.projected).norm(dim=2).mean() < 0.1 * passed.projected.norm(dim=2).mean()
    assert passed.invariant.std() > 0.1


# ---- the same bits


def test_the_seed_alone_decides_and_the_global_generator_is_left_alone():
    drawn = draw()
    before = torch.random.get_rng_state()
    first, again, other = (fit_constraint_net(*drawn, objective(epochs=20), seed)[0] for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["classify.weight"], other["classify.weight"])


def test_the_number_of_threads_and_processes_moves_no_bit():
    inputs, present, y = draw(n_rows=400)
    weights, _ = fit_constraint_net(inputs, present, y, objective(epochs=5), 0)
    code = (
        "import sys, torch; sys.path.insert(0, sys.argv[1]); torch.set_num_threads(4)\n"
        "from test_constrained_net import draw, fit_constraint_net, objective\n"
        "weights, _ = fit_constraint_net(*draw(n_rows=400), objective(epochs=5), 0)\n"
        "print(torch.get_num_threads(), weights['classify.weight'].tobytes().hex())"
    )
    folder = __file__.rpartition("/")[0]
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["4", weights["classify.weight"].tobytes().hex()]


def test_row_order_hardly_moves_the_answer():
    inputs, present, y = draw()
    order = np.random.default_rng(1).permutation(len(y))
    straight, _ = final(inputs, present, y, epochs=50)
    shuffled, _ = final([x[order] for x in inputs], present[order], y[order], epochs=50)
    torch.testing.assert_close(shuffled.logits, straight.logits[torch.as_tensor(order)], rtol=0, atol=1e-6)


# ---- central moments beside the divergence


def test_the_discrepancy_is_that_of_the_five_moments_by_hand():
    rng = np.random.default_rng(0)
    a, b, both = rng.normal(size=(30, 2)), rng.normal(1, 2, size=(30, 2)), np.arange(30) < 20
    x, y = (1 / (1 + np.exp(-code[both])) for code in (a, b))
    expected = np.linalg.norm(x.mean(axis=0) - y.mean(axis=0))
    for order in range(2, 6):
        moments = [((z - z.mean(axis=0)) ** order).mean(axis=0) for z in (x, y)]
        expected += np.linalg.norm(moments[0] - moments[1])
    found = central_moments(torch.as_tensor(a), torch.as_tensor(b), torch.as_tensor(both, dtype=torch.float64))
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_the_discrepancy_of_equal_codes_or_of_no_rows_is_0_and_its_gradient_is_finite():
    code = torch.randn(10, 2, dtype=torch.float64, requires_grad=True)
    for both in (torch.ones(10, dtype=torch.float64), torch.zeros(10, dtype=torch.float64)):
        found = central_moments(code, code.detach().clone(), both)
        assert found.item() == 0
        found.backward()
        assert torch.isfinite(code.grad).all()


@pytest.mark.parametrize("term", ["alpha", "beta", "gamma"])
def test_a_term_of_weight_0_is_left_out_and_the_others_are_not(term):
    inputs, present, y = draw()
    name = TERMS[1 + ["alpha", "beta", "gamma"].index(term)]
    last = {}
    for weight in (0.7, 0.0):
        _, losses = fit_constraint_net(inputs, present, y, objective(**{term: weight}), 0)
        last[weight] = dict(zip(TERMS, losses[-1], strict=True))
    assert last[0.0][name] > last[0.7][name], "what is not minimized stays larger"


def test_the_discrepancy_is_minimized_in_place_of_the_divergence():
    inputs, present, y = draw()
    place = TERMS.index("similarity")
    ends = {}
    for weight in (0.7, 0.0):
        _, losses = fit_constraint_net(inputs, present, y, objective(similarity="cmd", alpha=weight), 0)
        ends[weight] = losses[-1][place]
    assert ends[0.7] < 0.5 * ends[0.0]


# ---- training as published


def test_training_as_published_is_adam_on_batches_of_16_rows_as_they_stand():
    inputs, present, y = draw(n_rows=40)
    told = objective(training="as_published", epochs=2, learning_rate=5.0, weight_decay=9.0)
    weights, losses = fit_constraint_net(inputs, present, y, told, 0)
    net = ConstraintNet([5, 7], torch.Generator().manual_seed(0))
    adam = torch.optim.Adam(net.parameters(), lr=1e-4)
    for rows in [slice(0, 16), slice(16, 32), slice(32, 40)] * 2:
        has = torch.ones(len(y[rows]), 2, dtype=torch.float64)
        terms = _terms(net([torch.as_tensor(x[rows]) for x in inputs], has), torch.as_tensor(y[rows]), has.T, told)
        adam.zero_grad()
        (terms[0] + 0.7 * terms[1:].sum()).backward()
        adam.step()
    for name, weight in net.state_dict().items():
        np.testing.assert_allclose(weights[name], weight.numpy(), rtol=1e-10)
    assert losses.shape == (2, 4)
