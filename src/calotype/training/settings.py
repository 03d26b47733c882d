"""TrainSettings: every key that a recipe may hold, those of its task among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_args

from pydantic import Field

from calotype.errors import UserError
from calotype.settings import NAMED_BY_TAG
from calotype.settings.schema import shown, tag
from calotype.training.run_settings import RunSettings
from calotype.training.sources import data_from_written
from calotype.training.tasks import TaskSettings


class TrainSettings(RunSettings):
    """A training run. In a recipe ``task`` names the task, whose own table has the same name."""

    task: Annotated[TaskSettings, Field(discriminator="kind"), NAMED_BY_TAG] = Field(
        description="what is trained"
    )

    @classmethod
    def from_written(cls, data: Any) -> Any:
        """A recipe's ``task`` with its table as one; the tables of other tasks are left out."""
        if not isinstance(data, Mapping):
            return data
        kinds = [tag(table) for table in get_args(TaskSettings)]
        found = {key: value for key, value in data.items() if key not in kinds}
        kind = found.get("task")
        if isinstance(kind, str):
            own = data.get(kind) or {}
            if not isinstance(own, Mapping):
                raise UserError(f"{kind} = {shown(own)}: must be a table")
            found["task"] = {"kind": kind, **own}
        if "data" in found:
            found["data"] = data_from_written(found["data"])
        return found
