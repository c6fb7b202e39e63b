"""Times one operation of numpy and scipy in 32 bits (OpenBLAS), once warm, on a number of threads.

    python linear_algebra.py multiply|invert N THREADS ROUNDS

prints [{"seconds", "processorSeconds"}, …] as JSON, one a round. multiply: numpy's matmul of N x N. invert: LAPACK's spotrf and spotri
on the ridge matrix X^T X + I, then its lower half mirrored: the strictest peer (numpy.linalg.inv does three times the work).
"""

import json
import sys
import time

import numpy as np
from scipy.linalg import lapack
from threadpoolctl import threadpool_limits


def invert(matrix):
    factor, failure = lapack.spotrf(matrix, lower=1, overwrite_a=0)
    assert failure == 0
    inverse, failure = lapack.spotri(factor, lower=1, overwrite_c=1)
    assert failure == 0
    return np.tril(inverse) + np.tril(inverse, -1).T


def main():
    operation, n, threads, rounds = sys.argv[1], *map(int, sys.argv[2:5])
    random = np.random.default_rng(1)
    if operation == "multiply":
        a, b = (random.standard_normal((n, n), dtype=np.float32) for _ in range(2))
        work = lambda: a @ b
    else:
        x = random.standard_normal((400, n), dtype=np.float32)
        ridge = np.asfortranarray(x.T @ x + np.eye(n, dtype=np.float32))
        work = lambda: invert(ridge)
    times = []
    with threadpool_limits(threads):
        for _ in range(rounds + 1):
            clock, processor = time.perf_counter(), time.process_time()
            work()
            times.append({"seconds": time.perf_counter() - clock, "processorSeconds": time.process_time() - processor})
    print(json.dumps(times[1:]))


main()
