"""Long computations in steps."""

from skerry_hub.placement.stepwise import finished


def counting(most):
    total = 0
    for number in range(most):
        total += number
        yield
    return total


def test_all_steps_are_taken_and_what_comes_of_them_is_returned():
    assert finished(counting(5)) == 10
    assert finished(counting(0)) == 0


def test_the_steps_that_are_left_are_taken():
    steps = counting(5)
    next(steps)
    next(steps)
    assert finished(steps) == 10
