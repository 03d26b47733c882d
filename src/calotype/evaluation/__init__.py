"""How good a model is, in numbers: prompt following, reconstruction, distances of distributions."""

from calotype.evaluation.evaluations import EVALUATIONS, evaluation
from calotype.evaluation.intervals import Mean, Share
from calotype.evaluation.report import EvaluationProgress, Report

__all__ = ["EVALUATIONS", "EvaluationProgress", "Mean", "Report", "Share", "evaluation"]
