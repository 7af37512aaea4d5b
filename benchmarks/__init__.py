"""How fast, how lean and how exact: measurements of imgaudit itself. Nothing of the product imports them.

    python -m benchmarks                 images per second of generators, stages, scorers and metrics
    python -m benchmarks.overhead        an audit against the bare loops of the same models
    python -m benchmarks.memory          peak memory of ten times as many images
    python -m benchmarks.parity          the same numbers from other libraries
    python -m benchmarks.planted         audits of worlds whose truth is planted: coverage, tests, gates
    python -m benchmarks.planted_matrix  the default interval and test over shares, prompts, correlations and errors
    python -m benchmarks.measure_scale   a million scored images in ten thousand cells

All are started from the root of a checkout, with the ``dev`` extra installed.
"""
