"""Imports that wait: short public names of a package, and what a configuration names as `package.module:NAME`.

A package offers names of its modules, and imports a module when its name is first asked for.

A package's `__init__.py` that offers names reads

    LAZY = {"Midway": "lamo.midway.network"}

    if TYPE_CHECKING:
        from lamo.midway.network import Midway as Midway
    else:
        __getattr__ = on_demand(__name__, LAZY)

The import is for type checkers and editors, the table for the program. Neither makes those who import another module
of the package depend on `lamo.midway.network` (see `lamo.jobs.code_hash`).
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from lamo.errors import LamoError


def on_demand(package: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of `package`, which takes the attribute `name` from the module `names[name]`."""

    def __getattr__(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}; it offers {', '.join(sorted(names))}")
        return getattr(import_module(names[name]), name)

    return __getattr__


def import_named(path: str) -> Any:
    """The object that `package.module:NAME` names.

    Raises:
        LamoError: the text has another form, or the module cannot be imported or has no such name; it says why.
    """
    module, _, name = path.partition(":")
    if not module or not name:
        raise LamoError(f"{path!r} is no import path package.module:NAME")
    try:
        return getattr(import_module(module), name)
    # Importing runs a module of somebody else, which can raise anything.
    except Exception as error:
        raise LamoError(f"{path} cannot be imported ({type(error).__name__}: {error})") from error
