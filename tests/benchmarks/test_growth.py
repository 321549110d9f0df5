import dataclasses
import itertools
import re
import xml.etree.ElementTree as ET

import pytest
from benchmarks import growth
from benchmarks.placement import Figures, Time
from benchmarks.plot import Curve, plot


def figures(nodes, seconds):
    values = {
        one.name: Time(2 * seconds, seconds)
        for one in dataclasses.fields(Figures)
        if one.type == "Time"
    }
    return Figures(
        nodes=nodes, column_bytes=300.0, process_bytes=9000.0, heartbeats_per_s=1e6, **values
    )


@pytest.mark.parametrize(
    ("values", "slope", "steepest"),
    [
        ([1, 10, 100, 1000], 1.0, 1.0),
        ([5, 5, 5, 5], 0.0, 0.0),
        ([1, 1, 1, 100], 0.6, 2.0),
    ],
)
def test_the_exponent_is_the_slope_of_the_logarithms(values, slope, steepest):
    found = growth.exponents([10**3, 10**4, 10**5, 10**6], values)
    assert found == pytest.approx((slope, steepest))


def test_what_grows_faster_than_the_fleet_misses_its_budget():
    linear = growth.rows_of([figures(n, n / 1e6) for n in growth.SIZES])
    assert all(row.met for row in linear)
    square = growth.rows_of([figures(n, (n / 1e6) ** 2) for n in growth.SIZES])
    assert [row.met for row in square] == [False] * len(growth.CURVES) + [True]
    assert "steepest 2.00" in square[0].figure


def test_the_drawing_is_of_every_figure_by_its_processor_time():
    text = growth.drawn([figures(n, n / 1e6) for n in growth.SIZES])
    root = ET.fromstring(text)
    told = [one.text for one in root.iter() if one.tag.endswith("text")]
    assert set(growth.CURVES) <= set(told)
    assert "1,000,000" in told
    circles = [one for one in root.iter() if one.tag.endswith("circle")]
    assert len(circles) == len(growth.CURVES) * len(growth.SIZES)


def test_a_curve_of_powers_of_ten_is_a_straight_line_parallel_to_the_linear_one():
    text = plot("t", "x", "y", [Curve("c", ((1.0, 1.0), (10.0, 10.0), (100.0, 100.0)))])
    lines = re.findall(r'd="M([\d. L]+)"', text)
    found = [[tuple(map(float, at.split())) for at in line.split("L")] for line in lines]
    compared, curve = (one for one in found if len(one) > 1)
    assert curve[0] == compared[0]
    assert curve[-1] == compared[-1]
    (x0, y0), (x1, y1), (x2, y2) = curve
    assert (x1 - x0, y0 - y1) == pytest.approx((x2 - x1, y1 - y2), abs=0.2)
    assert y2 < y0, "upwards is more"


def test_names_that_end_close_together_stand_apart_and_are_escaped():
    curves = [Curve(f"<{at}>", ((1.0, 1.0), (10.0, 5.0 + at / 1e6))) for at in range(5)]
    text = plot("a & b", "x", "y", curves)
    ET.fromstring(text)
    at = sorted(float(one) for one in re.findall(r'y="([\d.]+)" fill="#[^>]*>&lt;', text))
    assert len(at) == 5
    assert min(b - a for a, b in itertools.pairwise(at)) >= 16


@pytest.mark.parametrize("points", [(), ((1.0, 0.0),), ((-1.0, 2.0),)])
def test_what_has_no_logarithm_is_refused(points):
    with pytest.raises(ValueError, match="nothing to draw"):
        plot("t", "x", "y", [Curve("c", points)])


def test_a_fleet_too_small_to_grow_is_refused(capsys):
    with pytest.raises(SystemExit):
        growth.main(["--most", "1000"])
    assert "--most must be at least 10000" in capsys.readouterr().err
