"""What is wrong with recordings, before anything is trained on them."""

from skeletonmae.validation.check import Check
from skeletonmae.validation.checks import CHECKS
from skeletonmae.validation.finding import Finding, Severity
from skeletonmae.validation.result import ClassCount, Validation, in_words
from skeletonmae.validation.validate import validate, validate_store

__all__ = [
    "CHECKS",
    "Check",
    "ClassCount",
    "Finding",
    "Severity",
    "Validation",
    "in_words",
    "validate",
    "validate_store",
]
