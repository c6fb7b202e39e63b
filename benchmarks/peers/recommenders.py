"""implicit's ALS and BPR on one temporal split, tuned with the effort that ours are.

    python recommenders.py FOLDER REPEATS K POINTS SECONDS

FOLDER holds valid-train.csv, valid-test.csv, train.csv and test.csv (header; user,item,...). Options are climbed one at a time on the
validation part, as ours are, from the start and then from points drawn at random, until POINTS of the grid were tried, as many as ours, or
SECONDS have passed, as long as all of ours took together; then the model is fitted on train.csv and its lists for the users of test.csv are
judged as ours are: users without a history left out, new items only unless REPEATS is 1. Prints {name: {ndcg, map, precision, recall, hitRate, seconds,
tried, tuning, options}}, where seconds are of the last fit and tuning is what the search took.
"""

import csv
import json
import math
import random
import sys
import time
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from threadpoolctl import threadpool_limits

GRIDS = {
    "implicit ALS": (
        lambda o: AlternatingLeastSquares(
            factors=o["factors"], regularization=o["regularization"], alpha=o["alpha"], iterations=15, random_state=1
        ),
        {"factors": [32, 64, 128], "regularization": [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3], "alpha": [1, 2, 5, 10, 20, 40]},
        {"factors": 64, "regularization": 0.1, "alpha": 10},
    ),
    "implicit BPR": (
        lambda o: BayesianPersonalizedRanking(
            factors=o["factors"],
            regularization=o["regularization"],
            learning_rate=o["rate"],
            iterations=o["iterations"],
            random_state=1,
        ),
        {
            "factors": [32, 64, 128],
            "regularization": [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1],
            "rate": [0.003, 0.01, 0.03, 0.1],
            "iterations": [100, 200, 400],
        },
        {"factors": 64, "regularization": 0.01, "rate": 0.03, "iterations": 100},
    ),
}


def read(path):
    with open(path, newline="") as file:
        return [(row["user"], row["item"]) for row in csv.DictReader(file)]


class Task:
    def __init__(self, train, test, repeats):
        users = {user: n for n, user in enumerate(dict.fromkeys(user for user, _ in train))}
        items = {item: n for n, item in enumerate(dict.fromkeys(item for _, item in train))}
        rows = np.array([users[user] for user, _ in train])
        columns = np.array([items[item] for _, item in train])
        counts = sp.csr_matrix((np.ones(len(train), np.float32), (rows, columns)), (len(users), len(items)))
        self.repeats = repeats
        # How often it was bought where repeats are asked for; whether, where they are not: what did better for each.
        self.matrix = counts if repeats else counts.sign()
        seen = {(u, i) for u, i in train}
        self.wanted = {}
        for user, item in dict.fromkeys(test):
            if user in users and (repeats or (user, item) not in seen):
                self.wanted.setdefault(users[user], set()).add(items.get(item, -1 - len(self.wanted)))

    def judge(self, model, k):
        users = np.array(list(self.wanted))
        lists, _ = model.recommend(users, self.matrix[users], N=k, filter_already_liked_items=not self.repeats)
        discounts = 1 / np.log2(np.arange(2, k + 2))
        sums = dict.fromkeys(["ndcg", "map", "precision", "recall", "hitRate"], 0.0)
        for user, ranked in zip(users, lists):
            wanted = self.wanted[user]
            hit = np.array([item in wanted for item in ranked], float)
            sums["ndcg"] += (hit * discounts).sum() / discounts[: len(wanted)].sum()
            sums["map"] += (hit * hit.cumsum() / np.arange(1, k + 1)).sum() / len(wanted)
            sums["precision"] += hit.sum() / k
            sums["recall"] += hit.sum() / len(wanted)
            sums["hitRate"] += hit.any()
        return {name: float(value / len(users)) for name, value in sums.items()}


def climb(axes, start, ask):
    at, moved = dict(start), True
    while moved:
        moved = False
        for name, values in axes.items():
            for step in (1, -1):
                while 0 <= values.index(at[name]) + step < len(values):
                    following = {**at, name: values[values.index(at[name]) + step]}
                    if ask(following) <= ask(at):
                        break
                    at, moved = following, True
    return at


def search(axes, start, points, seconds, score):
    """The best of all points that climbs from `start`, and from others while there is effort left, came by."""
    until = time.monotonic() + seconds
    known = {}

    def ask(at):
        key = tuple(at[name] for name in axes)
        if key not in known:
            known[key] = score(at)
        return known[key]

    draw = random.Random(1)
    climb(axes, start, ask)
    while len(known) < min(points, math.prod(map(len, axes.values()))) and time.monotonic() < until:
        climb(axes, {name: draw.choice(values) for name, values in axes.items()}, ask)
    return dict(zip(axes, max(known, key=known.get))), len(known)


def main(folder, repeats, k, points, seconds):
    folder = Path(folder)
    valid = Task(read(folder / "valid-train.csv"), read(folder / "valid-test.csv"), repeats)
    final = Task(read(folder / "train.csv"), read(folder / "test.csv"), repeats)

    def fit(make, options, task):
        model = make(options)
        started = time.perf_counter()
        model.fit(task.matrix, show_progress=False)
        return model, time.perf_counter() - started

    found = {}
    for name, (make, axes, start) in GRIDS.items():
        started = time.perf_counter()
        options, tried = search(axes, start, points, seconds, lambda at: valid.judge(fit(make, at, valid)[0], k)["ndcg"])
        tuning = time.perf_counter() - started
        model, training = fit(make, options, final)
        found[name] = {**final.judge(model, k), "seconds": training, "tried": tried, "tuning": tuning, "options": options}
    print(json.dumps(found))


if __name__ == "__main__":
    # implicit warns that BLAS threads beside its own slow it down; so they are held to one.
    with threadpool_limits(1, "blas"):
        main(sys.argv[1], sys.argv[2] == "1", *map(int, sys.argv[3:6]))
