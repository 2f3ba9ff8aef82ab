"""Settings of trainings: the same names for the same settings in every stage."""

from collections.abc import Iterator

import pytest

import lamo.config  # noqa: F401 - imports the sections of all stages
from lamo.section import Section
from lamo.training.config import OptimisationConfig, ValidatedConfig

# Names of before for settings that all trainings have.
FORMER = {
    "warmup", "clip", "bf16", "validation_every", "lr", "iterations", "batch_size", "gradient_clip", "amp",
}  # fmt: skip


def sections(base: type[Section] = Section) -> Iterator[type[Section]]:
    for section in base.__subclasses__():
        if section.__module__.startswith("lamo."):
            yield section
            yield from sections(section)


TRAININGS = {section.__name__: section for section in sections() if "learning_rate" in section.model_fields}


def test_all_stages_that_train_are_seen():
    assert {"MidwayTrainingConfig", "DecoderTraining", "PredictorTraining"} <= TRAININGS.keys()


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_has_the_common_settings_under_their_names(name):
    section = TRAININGS[name]
    for key, field in OptimisationConfig.model_fields.items():
        assert section.model_fields[key].annotation == field.annotation, key
    if "validate_every" in section.model_fields:
        assert section.model_fields["validate_every"].annotation is int
    assert not FORMER & section.model_fields.keys()


@pytest.mark.parametrize("name", sorted(TRAININGS.keys() - {"OptimisationConfig", "ValidatedConfig"}))
def test_every_setting_of_a_training_has_a_default_and_a_description(name):
    for key, field in TRAININGS[name].model_fields.items():
        assert not field.is_required(), key
        assert field.description or issubclass(field.annotation, Section), key


def test_only_trainings_that_are_validated_say_how_often():
    assert "validate_every" not in OptimisationConfig.model_fields
    assert ValidatedConfig.model_fields.keys() - OptimisationConfig.model_fields.keys() == {"validate_every"}
