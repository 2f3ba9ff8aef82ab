"""Training of the Midway Network: the encoder first, where its form pre-trains it, then the dynamics.

A training that begins with the weights of another network takes its encoder too.
"""

from dataclasses import dataclass
from typing import Any

from lamo.errors import LamoError
from lamo.midway.config import MidwayConfig
from lamo.midway.learning.config import MidwayTrainingConfig
from lamo.midway.learning.dynamics import DynamicsTask
from lamo.midway.learning.pretraining import optimisation, pretrain_encoder
from lamo.midway.learning.readout import fit_readout
from lamo.midway.learning.sampling import WindowSampler
from lamo.midway.learning.validation import Validation
from lamo.midway.network import Midway
from lamo.midway.network_config import NetworkConfig
from lamo.stores.windows import ShardArray, Windows
from lamo.training.fit import fit
from lamo.training.loop import TrainingLog
from lamo.training.session import Session
from lamo.training.start import differences


@dataclass(frozen=True)
class TrainedMidway:
    """The network and the logs of its two phases (`pretraining` is None without one)."""

    model: Midway
    pretraining: TrainingLog | None
    dynamics: TrainingLog


def train_midway(
    config: MidwayConfig, train: list[ShardArray], held_out: list[ShardArray], seed: int, session: Session,
    rate_hz: float | None = None,
) -> TrainedMidway:  # fmt: skip
    """Train on frames uint8 [N, H, W, 3] of the `train` shards; `held_out` clips only measure.

    `rate_hz` of the frames is needed for gaps in seconds. Raises `LamoError` if no clip is long enough, when a logged
    value is not finite or when the encoder collapses; it says then where the last checkpoint of `session` lies.
    """
    height, width = train[0].array.shape[1:3]
    training = config.training
    model = Midway(config, (height, width), training.motion_noise).to(session.device)
    model.training_record = training.model_dump(mode="json")
    pretraining = None
    if training.start is not None:
        begin_with(model, training.start)
    elif model.form.pretrained:
        pretraining = pretrain_encoder(
            model.student, Windows(train, 1), optimisation(training), seed, session.phase("pretraining")
        )
        model.teacher.load_state_dict(model.student.state_dict())
    model.student.requires_grad_(not model.form.pretrained)
    dynamics = train_dynamics(model, training, train, held_out, seed, session.phase("dynamics"), rate_hz)
    return TrainedMidway(model.eval(), pretraining, dynamics)


def begin_with(model: Midway, folder: str) -> None:
    """Give `model` the weights of the network saved in `folder`.

    Raises:
        LamoError: it is missing or damaged, or has another form, other sizes or other frames than `model`.
    """
    given = Midway.load(folder)
    ours, theirs = ({"image": list(one.image)} | _network(one.config) for one in (model, given))
    if found := differences(theirs, ours):
        raise LamoError(
            f"midway.training.start: the network in {folder} has {'; '.join(found)}; set these keys of midway "
            "(image is frames.height and frames.width) as there, or leave midway.training.start out"
        )
    model.load_state_dict(given.state_dict())


def _network(config: NetworkConfig) -> dict[str, Any]:
    """Form and sizes; the stochastic depth of the encoder is no size."""
    sizes = config.model_dump(mode="json", by_alias=True, include=set(NetworkConfig.model_fields))
    return sizes | {"encoder": {key: value for key, value in sizes["encoder"].items() if key != "drop_path"}}


def train_dynamics(
    model: Midway, config: MidwayTrainingConfig, train: list[ShardArray], held_out: list[ShardArray], seed: int,
    session: Session, rate_hz: float | None = None,
) -> TrainingLog:  # fmt: skip
    """Train all of `model` that is not frozen on windows of frames; raises as `train_midway`."""
    windows = WindowSampler(train, config, rate_hz, seed)
    # The readout of the pixel losses is fitted once: the encoder must not change under it.
    readout = fit_readout(model, Windows(train, 1), seed, session.device) if model.form.pixel_weight else None
    task = DynamicsTask(model, config, readout, seed, session)
    validate = Validation(model, train, held_out, seed, session.device, config.mixed_precision, task.frozen_encoder)
    model.train()
    return fit(task, windows, session, validate, config.validate_every)
