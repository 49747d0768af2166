"""The function inside the network: f(x) = sum_k w_k tanh(b_k + B_k . x), its derivatives and its start.

All parameters of ``s`` neurons on ``p`` inputs lie in one vector ``theta`` of ``s * (p + 2)``
numbers: output weights ``w``, hidden biases ``b``, then the rows of ``B``.
"""

from __future__ import annotations

import numpy as np


def unpack(theta: np.ndarray, n_inputs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``w`` (s,), ``b`` (s,) and ``B`` (s, p) as views of ``theta``."""
    n_neurons = theta.size // (n_inputs + 2)
    w, b, B = theta[:n_neurons], theta[n_neurons : 2 * n_neurons], theta[2 * n_neurons :]
    return w, b, B.reshape(n_neurons, n_inputs)


def activations(theta: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Return tanh(b_k + B_k . x) for every row of ``X`` (n, p) and neuron, shape (n, s)."""
    _, b, B = unpack(theta, X.shape[1])
    return np.tanh(X @ B.T + b)


def output(theta: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Return f for every row of ``X`` (n, p), shape (n,)."""
    w, _, _ = unpack(theta, X.shape[1])
    return activations(theta, X) @ w


def jacobian(theta: np.ndarray, X: np.ndarray, hidden: np.ndarray | None = None) -> np.ndarray:
    """Return the derivatives of f by ``theta`` for every row of ``X``, shape (n, s * (p + 2)).

    ``hidden`` are the activations there, where they are known already.
    """
    w, _, _ = unpack(theta, X.shape[1])
    hidden = activations(theta, X) if hidden is None else hidden  # (n, s)
    by_bias = w * (1 - hidden**2)  # (n, s)
    by_weight = by_bias[:, :, None] * X[:, None, :]  # (n, s, p)
    return np.concatenate([hidden, by_bias, by_weight.reshape(len(X), -1)], axis=1)


def nguyen_widrow(n_neurons: int, n_inputs: int, rng: np.random.RandomState) -> np.ndarray:
    """Return a start at which the neurons' active regions share the cube [-1, 1]**p between them.

    Rows of ``B`` get the length 0.7 s**(1/p), biases are spread evenly over plus and minus that
    length, output weights are uniform on [-0.5, 0.5].

    Parameters
    ----------
    n_neurons, n_inputs : int
        s and p.
    rng : numpy.random.RandomState

    Returns
    -------
    ndarray of shape (s * (p + 2),)

    Notes
    -----
    The exponent is the original one. R's ``brnn`` takes 1/n with n the number of samples.

    References
    ----------
    Nguyen, Widrow (1990). Improving the learning speed of 2-layer neural networks by choosing
    initial values of the adaptive weights. IJCNN, vol. 3, 21-26.

    Examples
    --------
    >>> theta = nguyen_widrow(3, 2, np.random.RandomState(0))
    >>> np.linalg.norm(unpack(theta, 2)[2], axis=1).round(4)
    array([1.2124, 1.2124, 1.2124])
    """
    length = 0.7 * n_neurons ** (1 / n_inputs)
    w = rng.uniform(-0.5, 0.5, n_neurons)
    directions = rng.standard_normal((n_neurons, n_inputs))
    B = length * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    b = length * np.linspace(-1, 1, n_neurons) * np.sign(B[:, 0])
    return np.concatenate([w, b, B.ravel()])
