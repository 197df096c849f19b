"""Logistic regression for thousands of labels: in the primal, along the features' main directions.

Kernel solutions cost n^3; along r fixed directions a step costs n r^2. The directions are found by a randomised range
finder (Halko, Martinsson and Tropp, "Finding structure with randomness", SIAM Review 2011) and hold the features' main
variance, so distances, which the penalty acts on, are nearly kept.
"""

import numpy as np

from swipr.triangular import inverse_factor

#: More labels than this are fitted here: the kernel's solution takes seconds and a gigabyte soon after.
MOST_DUAL = 1500
DIRECTIONS = 512
_POWER_STEPS = 2  # each sharpens the split between main and minor directions
_SEED = 0  # the directions are part of the method: the same labels give the same head


def main_directions(rows: np.ndarray) -> np.ndarray:
    """Orthonormal float32 (dimensions, r) with r = min(DIRECTIONS, dimensions)."""
    count = min(DIRECTIONS, rows.shape[1])
    probe = np.random.default_rng(_SEED).standard_normal((rows.shape[1], count), np.float32)
    basis: np.ndarray = np.linalg.qr(rows.T @ (rows @ probe))[0]
    for _ in range(_POWER_STEPS - 1):
        basis = np.linalg.qr(rows.T @ (rows @ basis))[0]
    # as `directions` stores them, so that a refit with stored ones is the same
    return basis.astype(np.float16).astype(np.float32)


class Columns:
    """A `newton.Problem`, the kernel's along its directions. Parameters are one number a direction, and the bias."""

    def __init__(self, rows: np.ndarray, directions: np.ndarray, scale: float) -> None:
        """Rows float32 (n, dimensions)."""
        columns = np.ones((len(rows), directions.shape[1] + 1), np.float32)
        np.matmul(rows, directions, out=columns[:, :-1])
        columns[:, :-1] /= np.float32(np.sqrt(scale))
        self.columns = columns

    def factored(self, weight: np.ndarray, penalty: float) -> "_Factored":
        return _Factored(self.columns, weight, penalty)

    def squared_norm(self, parameters: np.ndarray, logits: np.ndarray) -> float:  # noqa: ARG002 - the kernel needs them
        return float(parameters @ parameters)

    def zero(self) -> np.ndarray:
        return np.zeros(self.columns.shape[1])

    def between(self, some: np.ndarray, others: np.ndarray) -> np.ndarray:
        products: np.ndarray = self.columns[some] @ self.columns[others].T
        return products


class _Factored:
    def __init__(self, columns: np.ndarray, weight: np.ndarray, penalty: float) -> None:
        self._columns, self._penalty = columns, penalty
        weighted = columns * np.sqrt(weight).astype(np.float32)[:, None]
        curvature = (weighted.T @ weighted).astype(np.float64)  # ill-conditioned: factored in double precision
        curvature.flat[:: len(curvature) + 1] += penalty
        self._inverse = inverse_factor(curvature)

    def solve(self, residual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._from(self._gradient(residual))

    def descent(self, residual: np.ndarray, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._from(self._gradient(residual) - self._penalty * parameters)

    def leverage(self) -> np.ndarray:
        inner = self._columns @ self._inverse.T.astype(np.float32)
        leverage: np.ndarray = np.einsum("ij,ij->i", inner, inner).astype(np.float64)
        return leverage

    def _gradient(self, residual: np.ndarray) -> np.ndarray:
        gradient: np.ndarray = (residual.astype(np.float32) @ self._columns).astype(np.float64)
        return gradient

    def _from(self, gradient: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parameters = self._inverse.T @ (self._inverse @ gradient)
        return parameters, (self._columns @ parameters.astype(np.float32)).astype(np.float64)
