"""Logistic regression for up to some thousand labels: by their kernel, whose cost does not depend on dimensions."""

import numpy as np

from swipr.triangular import inverse_factor

#: Up to so many labels double precision costs next to nothing; above, single precision halves the time.
_DOUBLE = 300


class Kernel:
    """A `newton.Problem`. Parameters are one number a label: weights are `parameters @ rows / scale`, the bias their
    sum."""

    def __init__(self, rows: np.ndarray, scale: float) -> None:
        """Rows float32 (n, dimensions)."""
        kernel = rows @ rows.T
        kernel /= np.float32(scale)
        kernel += 1.0  # the bias, penalised like a weight
        self._kernel = kernel.astype(np.float64) if len(rows) <= _DOUBLE else kernel

    @classmethod
    def of(cls, products: np.ndarray) -> "Kernel":
        """Of (n, n) products, bias included."""
        made = cls.__new__(cls)
        made._kernel = products
        return made

    def times(self, vector: np.ndarray) -> np.ndarray:
        """Kernel @ vector, float64."""
        product: np.ndarray = (self._kernel @ vector.astype(self._kernel.dtype)).astype(np.float64)
        return product

    def factored(self, weight: np.ndarray, penalty: float) -> "_Factored":
        return _Factored(self, weight, penalty)

    def system(self, root: np.ndarray, penalty: float) -> np.ndarray:
        """`1 + W^1/2 K W^1/2 / penalty`, which is never ill-conditioned."""
        scaled = (root / np.sqrt(penalty)).astype(self._kernel.dtype)
        system: np.ndarray = self._kernel * scaled
        system *= scaled[:, None]
        system.flat[:: len(system) + 1] += 1
        return system

    def squared_norm(self, parameters: np.ndarray, logits: np.ndarray) -> float:
        return float(parameters @ logits)

    def zero(self) -> np.ndarray:
        return np.zeros(len(self._kernel))

    def between(self, some: np.ndarray, others: np.ndarray) -> np.ndarray:
        products: np.ndarray = self._kernel[np.ix_(some, others)]
        return products


class _Factored:
    def __init__(self, kernel: Kernel, weight: np.ndarray, penalty: float) -> None:
        self._kernel, self._weight, self._penalty = kernel, weight, penalty
        self._root = np.sqrt(weight)
        self._inverse = inverse_factor(kernel.system(self._root, penalty))

    def solve(self, residual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        right = (self._root * self._kernel.times(residual)).astype(self._inverse.dtype)
        inner = self._inverse.T @ (self._inverse @ right)
        dual = (residual - self._root * inner / self._penalty) / self._penalty
        return dual, self._kernel.times(dual)

    def descent(self, residual: np.ndarray, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.solve(residual - self._penalty * parameters)

    def leverage(self) -> np.ndarray:
        kept = np.einsum("ij,ij->j", self._inverse, self._inverse).astype(np.float64)
        leverage: np.ndarray = np.maximum(1 - kept, 0.0) / self._weight
        return leverage
