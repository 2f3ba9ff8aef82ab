"""The settings of a saved network: read as this version writes them, and as versions before `midway.form` wrote them.

Those had a switch for each part of a form. Switches that say exactly what one of the forms is made of are read as that
form. No code is left for other mixtures, so they are refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lamo.errors import LamoError
from lamo.midway.form import FORMS, Form, FormName
from lamo.midway.network_config import NetworkConfig
from lamo.training.model_files import CONFIG, load_config

SECTIONS = ("encoder", "inverse", "forward")
# Switches of before: the field of `Form` that each is, by section and key.
SWITCHES = {
    ("inverse", "pairing"): "pairing",
    ("inverse", "correlation_radius"): "correlation_radius",
    ("inverse", "anchors"): "regions",
    ("inverse", "position"): "position",
    ("inverse", "normalise_tokens"): "normalise_tokens",
    ("forward", "tokens"): "forward",
    ("forward", "gate_bias"): "gate_bias",
    ("forward", "laterals"): "laterals",
}
# Switches that only a filter had.
FILTER_SWITCHES = {("forward", "filter_radius"): "filter_radius", ("forward", "anchors"): "regions"}
# Settings of before that now have one value.
FIXED = {
    ("recurrence", "top"): "held",
    ("recurrence", "projection"): "norm",
    ("recurrence", "role"): "teacher",
}
# The last version that can load the mixtures.
BEFORE = "a216500"


@dataclass(frozen=True)
class SavedNetwork:
    """What `config.json` says of a network.

    Attributes:
        config: form and sizes.
        image: height and width of the frames.
        training: how it was trained, for the record alone.
    """

    config: NetworkConfig
    image: tuple[int, int]
    training: Mapping[str, Any]


def read_saved(folder: str | Path) -> SavedNetwork:
    """The settings of the network in `folder`. Raises `LamoError` for settings that no form of this version has."""
    saved = load_config(folder)
    file = Path(folder) / CONFIG
    try:
        settings = saved["midway"]
        height, width = saved["image"]
        if "form" not in settings:
            settings = settings | {"form": _form_of(settings, file)}
        config = NetworkConfig.model_validate(_network_settings(settings))
    except ValidationError as error:
        key = ".".join(map(str, error.errors()[0]["loc"]))
        raise LamoError(
            f"{file}: midway.{key}: {error.errors()[0]['msg']}; this version does not know such a network: load it "
            "with the version that saved it, or train it again"
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        raise LamoError(
            f"{file}: not the settings of a Midway Network ({error!r}); expected midway and image; run stage 02 again"
        ) from None
    training = settings.get("training")
    return SavedNetwork(config, (height, width), training if isinstance(training, Mapping) else {})


def _form_of(settings: Mapping[str, Any], file: Path) -> FormName:
    """The form that the switches of before say; the settings that are fixed now have to agree too."""
    differences = {name: list(_differences(settings, form)) for name, form in FORMS.items()}
    name = min(differences, key=lambda name: len(differences[name]))
    if differences[name]:
        raise LamoError(
            f"{file}: saved by a version with a switch for every part. It differs from the form {name!r}, the nearest, "
            f"in {'; '.join(differences[name])}. Only the forms {' and '.join(FORMS)} are left: load it with version "
            f"{BEFORE}, or train it again with midway.form"
        )
    return name


def _differences(settings: Mapping[str, Any], form: Form) -> Iterator[str]:
    switches = SWITCHES | FILTER_SWITCHES if form.forward == "filter" else SWITCHES
    expected = {key: getattr(form, field) for key, field in switches.items()} | FIXED
    for (section, key), value in expected.items():
        found = settings[section][key]
        if found != value:
            yield f"midway.{section}.{key}: found {found!r}, expected {value!r}"


def _network_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the network alone, without the switches that its form stands for."""
    gone = {*SWITCHES, *FILTER_SWITCHES, *FIXED}
    sections = {
        section: {key: value for key, value in settings[section].items() if (section, key) not in gone}
        for section in SECTIONS
    }
    return {"form": settings["form"], **sections}
