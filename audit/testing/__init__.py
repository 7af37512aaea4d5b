"""Public test kit for plugin authors: conformance checks, fakes, and a way to build a score table by hand.

    def test_my_generator():
        check_generator(MyGenerator(path="..."))

Checks raise ``AssertionError`` with one sentence that says which promise is broken.
"""

from audit.testing.checks import check_generator, check_reference, check_scorer, check_suite, draw_requests, view
from audit.testing.face_finders import check_face_finder
from audit.testing.fakes import FakeGenerator, disc
from audit.testing.tables import axes, score_table

__all__ = [
    "FakeGenerator",
    "axes",
    "check_face_finder",
    "check_generator",
    "check_reference",
    "check_scorer",
    "check_suite",
    "disc",
    "draw_requests",
    "score_table",
    "view",
]
