"""The matched comparison as CSV and Markdown, and in words."""

from collections.abc import Sequence

from lamo.metrics.cost import Method, Step
from lamo.report.table import ABSENT, csv_table, markdown_table

COLUMNS = (
    *(
        "predictor",
        "sampler",
        "n_seeds",
        "backbone_parameters",
        "head_parameters",
        "parameters",
        "guess_values",
        "context_tokens",
    ),
    *("values_per_step", "training_samples", "training_flops", "backbone_flops", "head_evaluations", "head_flops"),
    *("forward_flops", "step_flops", "decoder_flops", "training_s"),
)
TITLES = (
    *("method", "backbone", "head", "parameters", "guess", "context tokens", "values per step", "training samples"),
    *("training FLOP", "backbone FLOP", "head FLOP", "f_fwd FLOP", "FLOP per step", "training time"),
)
# Two numbers within this share of each other count as matched.
MATCHED = 0.05


def matched_csv(methods: Sequence[Method], step: Step) -> str:
    """The machine-readable table; seconds to the millisecond, empty where they were not logged."""
    lines = []
    for one in methods:
        size = (
            one.size.backbone,
            one.size.head,
            one.size.parameters,
            one.size.guess,
            one.size.context_tokens,
            one.size.payload,
        )
        training = ["" if value is None else value for value in (one.training_samples, one.training_flops)]
        rollout = (one.backbone_flops, one.head_evaluations, one.head_flops, one.forward_flops, one.step_flops)
        seconds = "" if one.training_s is None else f"{one.training_s:.3f}"
        lines.append([one.predictor, one.sampler, one.seeds, *size, *training, *rollout, step.decoder, seconds])
    return csv_table(COLUMNS, lines)


def matched_markdown(methods: Sequence[Method], step: Step, run: str) -> str:
    """A table with one row per method, what is matched in words, then the caption."""
    rows = []
    for one in methods:
        size, evaluations = one.size, one.head_evaluations
        cells = [
            short(size.backbone),
            short(size.head),
            short(size.parameters),
            short(size.guess) if size.guess else "-",
        ]
        cells += [
            f"{size.context_tokens:,}",
            f"{size.payload:,}",
            ABSENT if one.training_samples is None else f"{one.training_samples:,}",
            ABSENT if one.training_flops is None else short(one.training_flops),
        ]
        cells += [short(one.backbone_flops), f"{evaluations} x {short(one.head_flops / evaluations)}"]
        cells += [short(one.forward_flops) if one.forward_flops else "-", short(one.step_flops)]
        cells.append(ABSENT if one.training_s is None else f"{one.training_s:.0f} s")
        rows.append([one.sampler, *cells])
    return "\n".join([*markdown_table(TITLES, rows), "", in_words(methods, step), "", _caption(methods, run), ""])


def short(value: float) -> str:
    """Three digits and the prefix of a thousand: 1.23 M."""
    prefixes = ["", " k", " M", " G", " T", " P", " E"]
    power = 0
    # 999.6 k would be written as 1e+03 k.
    while abs(value) >= 999.5 and power < len(prefixes) - 1:
        value, power = value / 1000, power + 1
    return f"{value:.3g}{prefixes[power]}"


def in_words(methods: Sequence[Method], step: Step) -> str:
    """What is matched between the predictors and what is not, by the numbers."""
    first: dict[str, Method] = {}
    for one in methods:
        first.setdefault(one.predictor, one)
    reference, *others = first.values()
    sentences = [_beside(reference, other) for other in others] or [
        "There is one predictor, and nothing to match it with."
    ]
    cheap, dear = (pick(methods, key=lambda one: one.step_flops) for pick in (min, max))
    sentences.append(
        f"A rollout step takes from {short(cheap.step_flops)} FLOP ({cheap.sampler}) to {short(dear.step_flops)} "
        f"({dear.sampler}), and the decoder {short(step.decoder)} more for every method."
    )
    return " ".join(sentences)


def _beside(reference: Method, other: Method) -> str:
    pairs = {
        "parameters of the backbone": (other.size.backbone, reference.size.backbone),
        "parameters of the head": (other.size.head, reference.size.head),
        "context tokens": (other.size.context_tokens, reference.size.context_tokens),
        "values predicted per step": (other.size.payload, reference.size.payload),
        "training samples": (other.training_samples, reference.training_samples),
        "training FLOP": (other.training_flops, reference.training_flops),
    }
    # A kind from outside need not have a backbone: what the reference has none of has no ratio.
    ratios = {name: mine / its for name, (mine, its) in pairs.items() if its and mine is not None}
    same = [name for name, ratio in ratios.items() if abs(ratio - 1) <= MATCHED]
    apart = [f"{_times(ratio)} times the {name}" for name, ratio in ratios.items() if name not in same]
    matched = f"matched within {100 * MATCHED:.0f} % in {_list(same)}" if same else "matched in nothing"
    if other.training_samples is None:
        apart.append("trained further, together with the forward dynamics")
    return f"{other.predictor} beside {reference.predictor}: {matched}; {_list(apart) or 'nothing else differs'}."


def _times(ratio: float) -> str:
    """Three digits: 0.286, 2.58, 1250."""
    return f"{ratio:.3g}" if ratio < 1000 else f"{ratio:.0f}"


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1] if names else ""


def _caption(methods: Sequence[Method], run: str) -> str:
    seeds = sorted({one.seeds for one in methods})
    return (
        f"{run}: {' or '.join(map(str, seeds))} training seed{'' if seeds == [1] else 's'} for each method, times are "
        "means over them, of training steps without validation. Guess: values of the linear guess "
        "that the head starts from, fitted in closed form and not trained. FLOP are the operations of matrix products "
        "and convolutions, a multiplication and an addition being two, counted on the code that runs: of training "
        "forwards and backwards over all steps; of a rollout for one step of one window. What a rollout takes once "
        "for its window, encoding and inferring the observed motion tokens, is not in the table. The training of a "
        "predictor that went on together with the forward dynamics is not counted (n/a)."
    )
