"""How fast, how lean and how exact: measurements of imgaudit itself. Nothing of the product imports them.

    python -m benchmarks             images per second of generators, stages, scorers and metrics
    python -m benchmarks.overhead    an audit against the bare loops of the same models
    python -m benchmarks.memory      peak memory of ten times as many images
    python -m benchmarks.parity      the same numbers from other libraries

All are started from the root of a checkout, with the ``dev`` extra installed.
"""
