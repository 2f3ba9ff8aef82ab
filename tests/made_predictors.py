"""Settings and samplers of predictors as tests need them."""

from typing import Any

from lamo.predictors.entries import PredictorsConfig
from lamo.predictors.kinds import PredictorConfig, built_in_kinds, find_kind
from lamo.predictors.sampler import Sampler, sampler_name

KINDS = tuple(built_in_kinds())
SAMPLERS = {kind: [find_kind(kind).validated_by] for kind in KINDS}
SAMPLERS |= {"flow": ["5"], "gmm": ["sample"], "state": ["5"]}


def predictors(entries: dict[str, dict[str, Any]], **common: Any) -> PredictorsConfig:
    """An entry for each kind, called like it, with the settings of `entries` where it has some."""
    over = {name: {"kind": name, "samplers": SAMPLERS[name], **entries.get(name, {})} for name in KINDS}
    return PredictorsConfig.model_validate({**common, "entries": over})


def changed(config: PredictorsConfig, name: str, **settings: Any) -> PredictorConfig:
    """The predictor of entry `name` with some of its settings replaced."""
    values = config.model_dump()
    values["entries"][name].update(settings)
    return PredictorsConfig.model_validate(values).of(name)


def sampler(label: str) -> Sampler:
    """The sampler of a row of an entry that is called like its kind, as `flow-20`."""
    name = label.partition("-")[0]
    return find_kind(name).parse(sampler_name(name, label), name)
