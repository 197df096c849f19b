"""Peers a user would pick for the same labels on the same embedding: nearest neighbours, logistic regression, nobody.

scikit-learn's own, with the settings its documentation would lead to. Each gives the chance of a like for photos it
has not seen; `said` is a like from one half on.
"""

import warnings

import numpy as np

NEIGHBOURS = (3, 5, 9, 15)
FOLDS = 5


def neighbours(rows: np.ndarray, liked: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """float64 (m,). How many are asked is chosen by cross-validation; their votes, weighted by distance, are drawn a
    little towards one half (Laplace), without which a single wrong unanimous vote makes the log loss infinite."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.neighbors import KNeighborsClassifier

    folds = _folds(liked)
    fewest = len(liked) - -(-len(liked) // folds)
    counts = [count for count in NEIGHBOURS if count <= fewest] or [1]
    search = GridSearchCV(
        KNeighborsClassifier(weights="distance"), {"n_neighbors": counts}, cv=folds, scoring="roc_auc"
    )
    count = search.fit(rows, liked).best_params_["n_neighbors"]
    votes = count * search.predict_proba(unseen)[:, 1]
    return np.asarray((votes + 1) / (count + 2), np.float64)


def logistic_regression(rows: np.ndarray, liked: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """float64 (m,). Its penalty is chosen by cross-validated log loss."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    grid = {"C": np.logspace(-2, 4, 10)}
    search = GridSearchCV(LogisticRegression(max_iter=1000), grid, cv=_folds(liked), scoring="neg_log_loss")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the weakest penalties; the search passes them over
        search.fit(rows, liked)
    return np.asarray(search.predict_proba(unseen)[:, 1], np.float64)


def always_pass(liked: np.ndarray, unseen: int) -> np.ndarray:
    """float64 (unseen,): the share of likes among the labels, for every photo."""
    return np.full(unseen, (liked.sum() + 1) / (len(liked) + 2))


def _folds(liked: np.ndarray) -> int:
    """Not more than there are labels of the rarer kind."""
    return int(min(FOLDS, liked.sum(), (~liked).sum()))
