"""Proof of isolation: five gates that a release passes, or there is no release.

1. `test_matrix.py` — every route, asked by every kind of person about every kind of object, answers as
   `matrix.csv` says. The file is kept in the repository and can be read by a person of the hospital.
2. `test_canaries.py` — words that belong to one hospital or one patient are found nowhere else: in no page, header, log
   line, Redis value, message, file name, metric or row of the central database. The search itself is tested first.
3. `test_machine.py` — a state machine walks at random through signing in, switching, reading, queueing, failing.
4. `test_load.py` — 32 threads over four hospitals with two connections each, errors and disconnections at random.
5. `test_guards.py` — each guard is taken away in turn, and a named check must fail.

`make isolation` runs them alone, longer, and prints what they covered. The ordinary tests run them in small.

A new route needs a line in `matrix.csv`: `python -m tests.isolation.draft` asks the application and writes a proposal,
marked with a question mark. Read it: is this who may? Then take the question mark away. A new kind of object in an
address is named in `objects.py`; a new guard in `guards.py`, with the check that misses it in `checks_of_….py`.
"""
