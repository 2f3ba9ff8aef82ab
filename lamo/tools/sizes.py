"""`lamo docs sizes`: the sizes of the predictors in docs/predictors.md, counted on models that are built for it."""

from lamo.jobs.code_hash import ROOT
from lamo.predictors.cost import size_of
from lamo.tools.documents import replace_between
from lamo.tools.overlay import read_config
from lamo.tools.plan.geometry import sizes_of

DOCUMENT = ROOT / "docs" / "predictors.md"
CONFIGS = {"bdd100k.yaml": "paper", "config.yaml": "demo"}


def table() -> str:
    """Parameters, context tokens and values per step of every predictor, at the size of the paper and of the demo."""
    lines = ["| size | predictor | backbone | head | parameters | context tokens | values per step |"]
    lines.append("|---|---|---:|---:|---:|---:|---:|")
    for file, title in CONFIGS.items():
        sizes = sizes_of(read_config([ROOT / "config" / file]))
        for name in sizes.config.predictors.entries:
            size = size_of(sizes.config.predictors.of(name), sizes.geometry_of(name))
            numbers = (size.backbone, size.head, size.parameters, size.context_tokens, size.payload)
            cells = " | ".join(f"{number:,}" for number in numbers)
            lines.append(f"| {title}, `config/{file}` | `{name}` | {cells} |")
    return "\n".join(lines)


def write() -> None:
    """Put the table into its document.

    Raises:
        LamoError: the document has no place for it.
    """
    replace_between(DOCUMENT, "sizes", table())
