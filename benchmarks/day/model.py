"""The written model of a day: how much happens at which hour, drawn as an inhomogeneous Poisson process.

Hand-ins: a part of them follows HAND_INS, a weight for each hour of the day, and comes three times as densely in the last ten
minutes of a lesson (8 to 15 h). The others are the rush before the deadline at 23:59: their rate doubles every RUSH_DOUBLES_HOURS
and ends with the deadline. Reviews by teachers follow REVIEWS. Each arrival is independent of the others and of how the system
does (open loop). The same seed gives the same day.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# A weight for each hour from 0 to 23.
HAND_INS = (2, 1, 1, 0, 0, 1, 2, 6, 14, 16, 18, 16, 8, 14, 14, 10, 9, 10, 11, 12, 14, 14, 10, 6)
REVIEWS = (0, 0, 0, 0, 0, 0, 1, 4, 3, 3, 3, 3, 6, 3, 4, 12, 14, 12, 8, 6, 8, 6, 3, 1)
LESSONS = range(8, 15)
LESSON_ENDS = 50 / 60
DENSITY_AT_END_OF_LESSON = 3.0
DEADLINE = 23 + 59 / 60
RUSH_SHARE = 0.3
RUSH_HOURS = 4.0
RUSH_DOUBLES_HOURS = 0.75

# Shares of the hand-ins.
BY_LMS = 0.4
REPEATED_BY_LMS = 0.2
HELD_FOR_REVIEW = 0.3
WAITS_WITH_PREFER = 0.5
REVISES = 0.25

# What breaks, and when. The import comes after school: the lessons before it are what people's waits behind it compare with.
WORKER_KILLED_AT = 10.75
POSTGRES_RESTARTED_AT = 14.25
IMPORT_AT = 16.0

Rate = Callable[[float], float]


@dataclass(frozen=True, kw_only=True)
class HandIn:
    """A student hands in an essay at an hour of the day. The draws decide what follows; each lies between 0 and 1."""

    hour: float
    number: int
    student: float
    by_lms: bool
    repeated: bool
    held: bool
    prefers_wait: bool
    revises: bool
    thinks: float


@dataclass(frozen=True, kw_only=True)
class Review:
    """A teacher looks through what waits for a decision, decides, and releases."""

    hour: float
    teacher: float


def hand_in_rate(per_day: float) -> Rate:
    """Return hand-ins an hour by the hour of the day, with `per_day` in all."""
    in_lesson = LESSON_ENDS + DENSITY_AT_END_OF_LESSON * (1 - LESSON_ENDS)
    steady = per_day * (1 - RUSH_SHARE) / sum(HAND_INS)
    growth = 2 ** (1 / RUSH_DOUBLES_HOURS)
    # The integral of growth ** (hour - DEADLINE) over the rush.
    rush_area = sum(growth ** (-step / 1000) for step in range(int(RUSH_HOURS * 1000))) / 1000
    rush = per_day * RUSH_SHARE / rush_area

    def rate(hour: float) -> float:
        of_day = steady * HAND_INS[int(hour)]
        if int(hour) in LESSONS:
            of_day *= (DENSITY_AT_END_OF_LESSON if hour % 1 >= LESSON_ENDS else 1.0) / in_lesson
        before_deadline = DEADLINE - hour
        return of_day + (rush * growth**-before_deadline if 0 <= before_deadline <= RUSH_HOURS else 0.0)

    return rate


def review_rate(per_day: float) -> Rate:
    """Return reviews an hour by the hour of the day, with `per_day` in all."""
    return lambda hour: per_day * REVIEWS[int(hour)] / sum(REVIEWS)


def arrivals(rate: Rate, draw: random.Random) -> Iterator[float]:
    """Yield the hours of the arrivals of one day: a Poisson process with this rate, by thinning (Lewis and Shedler 1979)."""
    highest = 1.001 * max(rate(minute / 60) for minute in range(24 * 60))
    hour = draw.expovariate(highest)
    while hour < 24:
        if draw.random() * highest < rate(hour):
            yield hour
        hour += draw.expovariate(highest)


def draw_day(*, seed: int, hand_ins: float, reviews: float) -> list[HandIn | Review]:
    """Return everything that people do on one day, by the hour."""
    draw = random.Random(seed)
    day: list[HandIn | Review] = [
        HandIn(
            hour=hour, number=number, student=draw.random(),
            by_lms=draw.random() < BY_LMS, repeated=draw.random() < REPEATED_BY_LMS, held=draw.random() < HELD_FOR_REVIEW,
            prefers_wait=draw.random() < WAITS_WITH_PREFER, revises=draw.random() < REVISES, thinks=draw.random(),
        )
        for number, hour in enumerate(arrivals(hand_in_rate(hand_ins), draw))
    ]  # fmt: skip
    day += [Review(hour=hour, teacher=draw.random()) for hour in arrivals(review_rate(reviews), draw)]
    return sorted(day, key=lambda one: one.hour)
