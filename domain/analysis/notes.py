from enum import StrEnum


class ResultNote(StrEnum):
    """Why a quantity is absent, or what to know about one that is shown (LOW_PRECISION)."""

    NO_USERS = "no_users"
    ZERO_VARIANCE = "zero_variance"
    BASELINE_NOT_POSITIVE = "baseline_not_positive"
    TOO_FEW_OBSERVATIONS = "too_few_observations"
    PLANNED_SAMPLE_NOT_REACHED = "planned_sample_not_reached"
    LOW_PRECISION = "low_precision"
    NOT_FOR_BANDITS = "not_for_bandits"
