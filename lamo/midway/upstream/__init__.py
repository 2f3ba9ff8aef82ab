"""Import of published checkpoints and of models of other runs."""

from typing import TYPE_CHECKING

from lamo.lazy import on_demand

LAZY = {
    "import_upstream": "lamo.midway.upstream.conversion",
}

if TYPE_CHECKING:
    from lamo.midway.upstream.conversion import import_upstream as import_upstream
else:
    __getattr__ = on_demand(__name__, LAZY)
