"""Find what is wrong with recordings before anything is trained on them."""

from skeletonmae.validation.base import Check
from skeletonmae.validation.basics import check_basics, describe_warnings
from skeletonmae.validation.finding import Finding, Severity
from skeletonmae.validation.registry import CHECKS
from skeletonmae.validation.result import ClassCount, Validation, format_finding
from skeletonmae.validation.validate import DEFAULT_CLIPS, validate, validate_store

__all__ = [
    "CHECKS",
    "DEFAULT_CLIPS",
    "Check",
    "ClassCount",
    "Finding",
    "Severity",
    "Validation",
    "check_basics",
    "describe_warnings",
    "format_finding",
    "validate",
    "validate_store",
]
