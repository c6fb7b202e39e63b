"""scikit-learn's classifiers on the rows of ours.

    python classifiers.py FOLDER

FOLDER holds tasks.json: one entry a task, with the number of features and, for each part, of rows; and for task i and part P the
files i-P.x.f64 (features column by column, raw float64) and, but for the test, i-P.y.u8 (outcomes). Parts: newest and older (rows
to fit on, of the newest cut-off and of those before it, which may be none), test. Writes the probabilities of the test rows, as they
come, to i-test.NAME.f64, and prints the names of the models as JSON.
"""

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

STRENGTHS = np.logspace(-4, 2, 13)


def logistic(newest, older):
    """C by the log-loss on the newest cut-off after a fit to the older ones, as ours; by folds where there is one cut-off only."""

    def fit(C, rows, outcome):
        return make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=10_000)).fit(rows, outcome)

    if len(older[0]) == 0:
        choice = LogisticRegressionCV(Cs=STRENGTHS, cv=5, scoring="neg_log_loss", max_iter=10_000)
        return make_pipeline(StandardScaler(), choice).fit(*newest)
    losses = [log_loss(newest[1], fit(C, *older).predict_proba(newest[0])[:, 1]) for C in STRENGTHS]
    return fit(STRENGTHS[np.argmin(losses)], *both(newest, older))


def both(newest, older):
    return np.vstack((newest[0], older[0])), np.concatenate((newest[1], older[1]))


def boosting(newest, older):
    """Of the capacity of ours."""
    return HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=400,
        max_depth=4,
        max_leaf_nodes=12,
        l2_regularization=10,
        early_stopping=True,
        validation_fraction=0.2,
        n_iter_no_change=30,
        random_state=1,
    ).fit(*both(newest, older))


def boosting_default(newest, older):
    return HistGradientBoostingClassifier(early_stopping=True, random_state=1).fit(*both(newest, older))


MODELS = {
    "sklearn logistic": logistic,
    "sklearn HistGradientBoosting": boosting,
    "sklearn HistGradientBoosting, defaults": boosting_default,
}


def main(folder):
    folder = Path(folder)
    for i, task in enumerate(json.loads((folder / "tasks.json").read_text())):

        def rows(part):
            return np.fromfile(folder / f"{i}-{part}.x.f64").reshape(task["features"], task["rows"][part]).T

        fitted_on = [(rows(part), np.fromfile(folder / f"{i}-{part}.y.u8", np.uint8)) for part in ("newest", "older")]
        for name, learn in MODELS.items():
            model = learn(*fitted_on)
            model.predict_proba(rows("test"))[:, 1].tofile(folder / f"{i}-test.{name}.f64")
    print(json.dumps(list(MODELS)))


if __name__ == "__main__":
    main(sys.argv[1])
