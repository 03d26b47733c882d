"""How good a model is, in numbers: prompt following read back from pictures, reconstruction."""

from calotype.evaluation.report import failures_sheet, figures, rows
from calotype.evaluation.scenes import Failure, Report, Working, evaluate
from calotype.evaluation.share import Share

__all__ = [
    "Failure",
    "Report",
    "Share",
    "Working",
    "evaluate",
    "failures_sheet",
    "figures",
    "rows",
]
