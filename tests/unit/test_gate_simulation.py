"""The gate over whole simulated lives: it lets the better through and hardly ever a materially worse one."""

from bench.gate import simulate


def test_a_materially_worse_version_hardly_ever_comes_through() -> None:
    worse = simulate("worse", noise=2.2, spread=0.0, runs=60, seed=1)
    like = simulate("like", noise=1.5, spread=0.15, runs=60, seed=1)

    assert worse.gain < -0.02
    assert worse.promoted <= 1 / 60
    assert like.promoted_worse <= 1 / 60
    assert like.promoted < 0.4


def test_a_clearly_better_version_comes_through() -> None:
    better = simulate("better", noise=0.6, spread=0.0, runs=60, seed=1)

    assert better.gain > 0.04
    assert better.promoted > 0.85
