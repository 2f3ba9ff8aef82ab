"""The control experiments needed to interpret rollouts: upper bounds, lower bounds and trivial predictors.

Each is a `Method`, as a predictor's rollout is, so that all pass through the same loop and stores.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from lamo.errors import LamoError
from lamo.images import blur_frames
from lamo.rollout.autoregressive import Future, Method, Plan, decode_states, run_windows
from lamo.rollout.control_names import CONTROLS
from lamo.rollout.frozen_models import FrozenModels, Scene
from lamo.rollout.windows import ClipFrames
from lamo.stores.rollouts import Rollouts, Window

logger = logging.getLogger(__name__)


def _drive(scene: Scene, motion_of: Scene, name: str) -> Future:
    """Rolls `scene` with the motion tokens inferred from the true next frames of `motion_of`."""
    z, states = scene.z(scene.history), []
    for step in range(scene.steps):
        z = scene.models.advance(z, motion_of.motion(motion_of.history + step))
        states.append(scene.models.state(z))
    return decode_states(scene, states, name)


def oracle_motion(scene: Scene, sample: int) -> Future:
    """The motion tokens inferred from the true next frames: a perfect predictor with the real f_fwd."""
    return _drive(scene, scene, "oracle_motion")


def constant_motion(scene: Scene, sample: int) -> Future:
    """The last observed motion token repeated: what every learned predictor has to beat."""
    if scene.history == 0:
        raise LamoError("constant_motion: predictors.history is 0, so no motion token is observed; expected at least 1")
    motion, z, states = scene.motion(scene.history - 1), scene.z(scene.history), []
    for _ in range(scene.steps):
        z = scene.models.advance(z, motion)
        states.append(scene.models.state(z))
    return decode_states(scene, states, "constant_motion")


def shuffled_motion(partners: Mapping[Window, Window]) -> Method:
    """The oracle's tokens taken from each window's partner, a window of another clip."""

    def method(scene: Scene, sample: int) -> Future:
        other = [partners[window] for window in scene.windows]
        return _drive(scene, Scene(scene.models, scene.clips, other, scene.history, scene.steps), "shuffled_motion")

    return method


def decoder_ceiling(scene: Scene, sample: int) -> Future:
    """d(z) of the true latents: no prediction at all."""
    states = [scene.state(scene.history + 1 + step) for step in range(scene.steps)]
    return decode_states(scene, states, "decoder_ceiling")


def persistence_latent(scene: Scene, sample: int) -> Future:
    """d(z_t) of the last observed frame at every step."""
    return decode_states(scene, [scene.state(scene.history)] * scene.steps, "persistence_latent")


def persistence_pixels(scene: Scene, sample: int) -> Future:
    """The last observed frame at every step."""
    return Future(np.repeat(scene.frames[:, scene.history, None], scene.steps, axis=1), None)


def persistence_blurred(sigmas: Sequence[float]) -> Method:
    """The last observed frame, blurred at each step by the standard deviation [pixels] fitted for that step."""

    def method(scene: Scene, sample: int) -> Future:
        if len(sigmas) != scene.steps:
            raise ValueError(f"{len(sigmas)} blurs for {scene.steps} steps")
        last = scene.frames[:, scene.history]
        return Future(np.stack([blur_frames(last, sigma) for sigma in sigmas], axis=1), None)

    return method


def _apart(one: Window, other: Window) -> int:
    return abs(other.start - one.start)


def shuffle_partners(windows: Sequence[Window], seed: int) -> dict[Window, Window]:
    """A window of another clip for each window, fixed by `seed`.

    Clips are put into a random circle and each takes from the next: a permutation without fixed point. With one clip
    only, each window takes the one farthest from it in time, and a warning says so.

    Raises:
        LamoError: there is one window only.
    """
    by_clip: dict[str, list[Window]] = {}
    for window in sorted(windows, key=lambda w: (w.clip_id, w.start)):
        by_clip.setdefault(window.clip_id, []).append(window)
    if len(windows) < 2:
        raise LamoError(
            f"shuffled_motion: found {len(windows)} window, expected windows of at least 2 clips to take motion from; "
            "give more videos, or lower rollouts.stride_s"
        )
    clips = list(by_clip)
    if len(clips) == 1:
        logger.warning("shuffled_motion: one clip only (%s); motion is taken from its farthest window", clips[0])
        return {w: max(by_clip[clips[0]], key=partial(_apart, w)) for w in windows}
    circle = [clips[i] for i in np.random.default_rng(seed).permutation(len(clips))]
    partners = {}
    for clip, other in zip(circle, circle[1:] + circle[:1], strict=True):
        for index, window in enumerate(by_clip[clip]):
            partners[window] = by_clip[other][index % len(by_clip[other])]
    return partners


# The controls that need nothing but the scene.
SIMPLE: dict[str, Method] = {
    "oracle_motion": oracle_motion,
    "constant_motion": constant_motion,
    "persistence_pixels": persistence_pixels,
    "persistence_latent": persistence_latent,
    "decoder_ceiling": decoder_ceiling,
}


def roll_out_control(
    name: str,
    models: FrozenModels,
    clips: ClipFrames,
    windows: Sequence[Window],
    plan: Plan,
    sigmas: Sequence[float] = (),
) -> Rollouts:
    """Rolls one of `CONTROLS` out from every window; one sample, frames [W, 1, T, H, W, 3].

    Args:
        sigmas: blur of each step, for persistence_blurred only (see `fit_blur`).

    Raises:
        LamoError: an unknown control, or one that these windows do not allow.
    """
    if name not in CONTROLS:
        raise LamoError(f"control {name!r} is not known; expected one of {', '.join(CONTROLS)}")
    if name == "shuffled_motion":
        method = shuffled_motion(shuffle_partners(windows, plan.seed))
    elif name == "persistence_blurred":
        method = persistence_blurred(sigmas)
    else:
        method = SIMPLE[name]
    return run_windows(method, models, clips, windows, plan, name, deterministic=True)


def true_frames(clips: ClipFrames, windows: Sequence[Window], plan: Plan) -> Rollouts:
    """The frames that were to be predicted, in the form of a rollout: [W, 1, T, H, W, 3], drift 1, error 0."""
    return _as_rollouts(clips.read(windows, plan.history + 1, plan.length), windows)


def context_frames(clips: ClipFrames, windows: Sequence[Window], plan: Plan) -> Rollouts:
    """The observed frames: [W, 1, K + 1, H, W, 3], drift 1, error 0."""
    return _as_rollouts(clips.read(windows, 0, plan.history + 1), windows)


def _as_rollouts(frames: np.ndarray, windows: Sequence[Window]) -> Rollouts:
    right = np.ones((len(frames), 1, frames.shape[1]), dtype=np.float32)
    return Rollouts(frames[:, None], right, 0 * right, np.nan * right[:, 0], list(windows), deterministic=True)
