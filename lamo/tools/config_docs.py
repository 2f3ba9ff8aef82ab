"""Files that are generated from the config models: the commented default, the reference of keys, the JSON schema."""

import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from pydantic import BaseModel

from lamo.config import Config, fields
from lamo.predictors.entries import default_entries

README = """# Configuration

Written by `make config` from the config models in `lamo/`; a test fails when it is out of date.

`config.yaml` holds every key with its default: a run on small synthetic driving videos. A run of your own needs a file
with only the keys that differ, laid over the default by `--configfile`; a single value can be given on the command
line, laid over both:

```
snakemake --cores 8 --configfile config/videos.yaml --config run=mine videos='{root: path/to/videos}'
```

A section given with `--config` is merged key by key with what the files say about it (lists are replaced). Unknown keys
and wrong types are refused with the key, the value found and the value expected. `lamo config check FILE...` says
whether files are valid together, `lamo config show FILE...` prints every value that a run would use. How many threads
and GPUs and how much memory and time a job needs stands with its rule in `workflow/rules/`. What a machine or a cluster
has stands in `workflow/profiles/`.

| file | run |
|---|---|
| `config.yaml` | the default: small synthetic driving videos, all trained from scratch, two CPU cores |
| `demo.yaml` | `make demo`: the default, whose Midway Network begins with the published one |
| `tiny.yaml` | every rule in about a minute, for tests |
| `videos.yaml` | any folder of videos: set `videos.root` |
| `finetune.yaml` | a few videos of your own, beginning with the published world model |
| `bdd100k.yaml` | the paper's run on BDD100K |
| `published.yaml` | the published form and recipe of the Midway Network at small sizes, on the synthetic world |
| `compact*.yaml` | the weights in `results/weights`: `compact`, then `compact-forks` over it, then `compact-noise` |
| `roads.yaml` | the published world model in `results/weights/roads`: `make roads` |
| `bench*.yaml` | the benchmarks: `make bench-science`, `make bench-dashcam`, `make bench-torcs` |
| `ablations/*.yaml` | variants of single choices, laid over a finished run, whose stages they share: `make ablations` |

| key | type | default | meaning; unit; source |
|---|---|---|---|
ROWS"""


def default_text() -> str:
    """config/config.yaml: every key with its default and, above it, its description."""
    lines = [
        "# The default configuration: a run on small synthetic driving videos.",
        "# Written by `make config` from the config models in lamo/. For a run of your own write a file with the keys",
        "# that differ and name it with --configfile; config/README.md lists all keys.",
    ]
    return "\n".join([*lines, *_yaml_lines(Config, Config().model_dump(mode="json", by_alias=True), "")]) + "\n"


def _yaml_lines(model: type[BaseModel], values: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, field, section in fields(model):
        if key not in values:  # not given, where only what differs is
            continue
        if section and not indent:
            yield ""
        comment = textwrap.wrap(_describe(field, section), 116 - len(indent), break_on_hyphens=False)
        yield from (f"{indent}# {line}" for line in comment)
        if section and values[key] is not None:
            yield f"{indent}{key}:"
            yield from _yaml_lines(section, values[key], indent + "  ")
        else:
            yield f"{indent}{key}: {_flow(values[key])}"


def _describe(field: Any, section: type[BaseModel] | None) -> str:
    text = field.description or (section and inspect.getdoc(section)) or ""
    return " ".join(text.split()).rstrip(".")


def readme_text() -> str:
    """config/README.md: a table of all keys with type, default, meaning, unit and source."""
    rows = "".join(_readme_rows(Config, Config().model_dump(mode="json", by_alias=True), ""))
    return README.replace("ROWS", rows)


def _readme_rows(model: type[BaseModel], values: Mapping[str, Any], prefix: str) -> Iterator[str]:
    schema = model.model_json_schema(by_alias=True)["properties"]
    for key, field, section in fields(model):
        if key not in values:
            continue
        meaning = _describe(field, section).replace("|", "\\|")
        if section and values[key] is not None:
            yield f"| **`{prefix}{key}`** | section | | {meaning} |\n"
            yield from _readme_rows(section, values[key], f"{prefix}{key}.")
        else:
            yield f"| `{prefix}{key}` | {_kind(schema[key])} | `{_flow(values[key])}` | {meaning} |\n"


def _flow(value: Any) -> str:
    """A value as YAML on one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").strip()


def _kind(schema: Mapping[str, Any]) -> str:
    """A field's JSON schema in words."""
    for options in ("anyOf", "oneOf"):
        if options in schema:
            return " or ".join(_kind(option) for option in schema[options])
    if "enum" in schema or "const" in schema:
        return ", ".join(map(str, schema.get("enum", [schema.get("const")])))
    if schema.get("type") == "array":
        items: dict[str, Any] = schema.get("items") or next(iter(schema.get("prefixItems", [])), {})
        return f"list of {_kind(items)}"
    bounds = (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
    limits = ", ".join(f"{sign} {schema[key]:g}" for key, sign in bounds if key in schema)
    kind = schema.get("type", "object")
    return f"{'mapping' if kind == 'object' else kind} {limits}".strip()


def _schema() -> dict[str, Any]:
    """The JSON schema of the configuration, with the keys of the default predictors; others may have any keys."""
    schema = Config.model_json_schema(by_alias=True)
    entries = default_entries().model_json_schema(by_alias=True)
    schema["$defs"] |= entries.pop("$defs")
    named = {name: {"anyOf": [one, {"type": "null"}]} for name, one in entries["properties"].items()}
    keys = schema["$defs"]["PredictorsConfig"]["properties"]["entries"]
    keys |= {"properties": named, "additionalProperties": {"type": ["object", "null"]}}
    return schema


def generated_files() -> dict[str, str]:
    """Path in the repository -> text, of all files that are generated from the config models."""
    schema = json.dumps(_schema(), indent=2) + "\n"
    return {
        "config/config.yaml": default_text(),
        "config/README.md": readme_text(),
        "workflow/schemas/config.schema.json": schema,
    }
