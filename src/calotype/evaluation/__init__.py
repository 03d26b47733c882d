"""How good a model is, in numbers: prompt following read back from pictures, reconstruction."""

from calotype.evaluation.report import failures_sheet, figures, pictures_sheet, rows
from calotype.evaluation.scenes import EvaluationProgress, Judged, Report, evaluate
from calotype.evaluation.share import Share

__all__ = [
    "EvaluationProgress",
    "Judged",
    "Report",
    "Share",
    "evaluate",
    "failures_sheet",
    "figures",
    "pictures_sheet",
    "rows",
]
