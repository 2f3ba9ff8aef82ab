"""The order in which the scores put forecasts of the synthetic world of which one knows which is better.

What each score does not see is tested too: who finds that it does should say so in docs/scores.md.
"""

import pytest

from benchmarks.made_forecasts import make
from benchmarks.scores import BEST, BETWEEN, COLUMNS, ELSEWHERE, LAST, NOISE, ORDERS, right_orders, score
from lamo.metrics.features.imagenet import ImageNetFeatures

PIXELS, FEATURES, FRECHET, KERNEL = range(len(COLUMNS))
OF_ERRORS = [(BEST, name) for name in BETWEEN] + [(name, NOISE) for name in BETWEEN]


@pytest.fixture(scope="module")
def found():
    """Scores with small and with large errors, of 48 states of 12 drives."""
    made, extract = make(12, 4, samples=2), ImageNetFeatures()
    return [score(made, size, extract) for size in (0.03, 0.06)]


def test_the_energy_score_of_features_has_every_order(found):
    for scores in found:
        orders = right_orders(scores)
        assert set(orders) == set(ORDERS)
        assert all(right[FEATURES] for right in orders.values())


@pytest.mark.parametrize("distance", [FRECHET, KERNEL])
def test_distances_have_every_order_of_errors_and_do_not_see_that_a_frame_is_the_wrong_one(found, distance):
    for scores in found:
        orders = right_orders(scores)
        assert all(orders[pair][distance] for pair in OF_ERRORS)
    # Frames of other drives and frames that stand still are as good as true futures, but for the bias of a Frechet
    # distance of so few frames.
    for blind in (ELSEWHERE, LAST):
        assert found[1][blind][distance] < min(found[1][name][distance] for name in BETWEEN)
    assert not right_orders(found[0])[BEST, ELSEWHERE][KERNEL]


def test_the_energy_score_of_pixels_does_not_see_what_an_error_looks_like(found):
    for scores in found:
        assert all(scores[BEST][PIXELS] < scores[name][PIXELS] for name in (*BETWEEN, NOISE, ELSEWHERE, LAST))
        for alike in ("+ smooth error", "+ blocks"):
            assert scores[alike][PIXELS] == pytest.approx(scores[NOISE][PIXELS], rel=0.03)
        # Confetti scores better than a blurred picture of the same error.
        assert scores[NOISE][PIXELS] < scores["+ blur"][PIXELS]
