"""Training loop, optimiser and seeds shared by every trained stage."""

from typing import TYPE_CHECKING

from lamo.lazy import on_demand

LAZY = {
    "OptimisationConfig": "lamo.training.config",
    "Session": "lamo.training.session",
    "Task": "lamo.training.fit",
    "seed_everything": "lamo.training.seed",
}

if TYPE_CHECKING:
    from lamo.training.config import OptimisationConfig as OptimisationConfig
    from lamo.training.fit import Task as Task
    from lamo.training.seed import seed_everything as seed_everything
    from lamo.training.session import Session as Session
else:
    __getattr__ = on_demand(__name__, LAZY)
