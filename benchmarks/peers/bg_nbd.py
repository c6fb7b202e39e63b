"""Fits BG/NBD to the histories in a folder (frequency.f64, recency.f64, T.f64: raw float64) by one of several peers.

    python bg_nbd.py FOLDER PEER

prints {"seconds", "processorSeconds", "parameters"} as JSON. Reading the files and importing the libraries are not timed.

The likelihood is eq. (6) of Fader, Hardie & Lee (2005) over whole numpy vectors. Where L-BFGS-B starts (every parameter 1, alpha
at the mean T, in logs), the scale (mean per customer) and how closely it has to hit the maximum are those of our fit.
scipy-numeric     scipy differentiates numerically: 4 more evaluations a gradient; it cannot reach our tolerance and stops at its own
scipy-gradient    the gradient by hand
scipy-summarised  moreover what our fit does: gamma functions once a distinct x, logs of alpha + T once a distinct T, no row for
                  who bought once. The strictest peer: what remains between it and us is numpy's passes over memory.
lifetimes         BetaGeoFitter as its documentation has it
"""

import json
import sys
import time
from pathlib import Path

import numpy as np


def read(folder):
    return [np.fromfile(Path(folder) / f"{name}.f64") for name in ("frequency", "recency", "T")]


def log_likelihood(parameters, x, tx, T, repeat):
    from scipy.special import gammaln

    r, alpha, a, b = parameters
    alive = (
        gammaln(r + x) - gammaln(r) + r * np.log(alpha) + gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    )
    stayed = -(r + x) * np.log(alpha + T)
    dropped = np.where(repeat, np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + tx), -np.inf)
    return (alive + np.logaddexp(stayed, dropped)).mean()


def with_gradient(parameters, x, tx, T, repeat):
    from scipy.special import digamma, gammaln

    r, alpha, a, b = parameters
    shape = r + x
    log_end, log_last = np.log(alpha + T), np.log(alpha + tx)
    before_last = b + np.maximum(x, 1) - 1
    stayed = -shape * log_end
    dropped = np.where(repeat, np.log(a) - np.log(before_last) - shape * log_last, -np.inf)
    both = np.logaddexp(stayed, dropped)
    share = np.exp(dropped - both)
    value = gammaln(shape) - gammaln(r) + r * np.log(alpha) + both
    value += gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    survival = digamma(a + b) - digamma(a + b + x)
    gradient = (
        (digamma(shape) - digamma(r) + np.log(alpha) - (1 - share) * log_end - share * log_last).mean(),
        (r / alpha - shape * ((1 - share) / (alpha + T) + share / (alpha + tx))).mean(),
        (survival + share / a).mean(),
        (survival + digamma(b + x) - digamma(b) - share / before_last).mean(),
    )
    return value.mean(), np.array(gradient)


def summarised(x, tx, T):
    from scipy.special import digamma, gammaln

    customers = len(x)
    xs, code, counts = np.unique(x, return_inverse=True, return_counts=True)
    Ts, code_T, counts_T = np.unique(T, return_inverse=True, return_counts=True)
    purchases_T = np.bincount(code_T, weights=x)
    rows = x > 0
    code, x, tx, T = code[rows], x[rows], tx[rows], T[rows]

    def evaluate(parameters):
        r, alpha, a, b = parameters
        log_odds = np.log(a) - np.log(b + np.maximum(xs, 1) - 1)
        log_ratio = np.log((alpha + T) / (alpha + tx))
        z = log_odds[code] + (r + x) * log_ratio
        value = np.logaddexp(0, z)
        share = np.exp(z - value)
        of_x = np.bincount(code, weights=share, minlength=len(xs))
        end = alpha + Ts
        total = value.sum() - (counts_T * r + purchases_T) @ np.log(end) + customers * r * np.log(alpha)
        total += counts @ (gammaln(r + xs) - gammaln(r) + gammaln(a + b) + gammaln(b + xs) - gammaln(b) - gammaln(a + b + xs))
        survival = counts @ (digamma(a + b) - digamma(a + b + xs))
        gradient = (
            share @ log_ratio + counts @ (digamma(r + xs) - digamma(r)) + customers * np.log(alpha) - counts_T @ np.log(end),
            share @ ((r + x) * (tx - T) / ((alpha + T) * (alpha + tx)))
            + customers * r / alpha
            - (counts_T * r + purchases_T) @ (1 / end),
            survival + of_x.sum() / a,
            survival + counts @ (digamma(b + xs) - digamma(b)) - of_x @ (1 / (b + np.maximum(xs, 1) - 1)),
        )
        return total / customers, np.array(gradient) / customers

    return evaluate


def fit_scipy(peer, x, tx, T):
    from scipy.optimize import minimize

    if peer == "scipy-summarised":
        evaluate = summarised(x, tx, T)
    else:
        repeat = x > 0
        of = log_likelihood if peer == "scipy-numeric" else with_gradient

        def evaluate(parameters):
            return of(parameters, x, tx, T, repeat)

    def value_only(point):
        return -evaluate(np.exp(point))

    def value_and_gradient(point):
        value, gradient = evaluate(np.exp(point))
        return -value, -gradient * np.exp(point)

    start = np.log([1, T.mean(), 1, 1])
    if peer == "scipy-numeric":
        found = minimize(value_only, start, method="L-BFGS-B")
    else:
        options = {"gtol": 1e-8, "ftol": 0}
        found = minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
    return np.exp(found.x)


def fit_lifetimes(x, tx, T):
    from lifetimes import BetaGeoFitter

    model = BetaGeoFitter().fit(x, tx, T)
    return model.params_[["r", "alpha", "a", "b"]].to_numpy()


def main(folder, peer):
    import scipy.optimize  # noqa: F401  imported before the clock starts

    if peer == "lifetimes":
        import lifetimes  # noqa: F401
    data = read(folder)
    started, used = time.perf_counter(), time.process_time()
    parameters = fit_lifetimes(*data) if peer == "lifetimes" else fit_scipy(peer, *data)
    seconds, processor = time.perf_counter() - started, time.process_time() - used
    named = dict(zip(("r", "alpha", "a", "b"), map(float, parameters)))
    print(json.dumps({"seconds": seconds, "processorSeconds": processor, "parameters": named}))


if __name__ == "__main__":
    main(*sys.argv[1:])
