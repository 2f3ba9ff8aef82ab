"""`lamo config`: check or show the configuration of a run; write the files that are generated from the code."""

import argparse
from collections.abc import Sequence

import yaml

from lamo.jobs.code_hash import ROOT
from lamo.stores.atomic import replacing
from lamo.tools.arguments import add_configuration, program_parser
from lamo.tools.config_docs import generated_files
from lamo.tools.overlay import parse_overrides, read_config


def parser() -> argparse.ArgumentParser:
    """The command line of `lamo config`."""
    parser = program_parser(
        "config",
        "Check or show the configuration of a run, or write the files that are generated from the config models.\n"
        "Files are laid over config/config.yaml as Snakemake does it with --configfile and --config.",
        "lamo config check config/bdd100k.yaml",
        "lamo config show config/videos.yaml --set run=mine 'videos={root: path/to/videos}'",
        "lamo config write",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="say whether a configuration is valid, and if not which key is wrong")
    show = actions.add_parser("show", help="print every key with the value that it has in the run, as YAML")
    for action in (check, show):
        add_configuration(action)
    actions.add_parser("write", help="write config/config.yaml, config/README.md and the JSON schema again")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments say.

    Raises:
        LamoError: the configuration is wrong.
    """
    options = parser().parse_args(arguments)
    if options.action == "write":
        write()
        return 0
    config = read_config(options.files, parse_overrides(options.overrides))
    if options.action == "show":
        values = config.model_dump(mode="json", by_alias=True)
        print(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), end="")
    else:
        print(f"{' + '.join(options.files) or 'config/config.yaml'}: valid; results will lie in results/{config.run}")
    return 0


def write() -> None:
    """Write the generated files into the repository."""
    for name, text in generated_files().items():
        with replacing(ROOT / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
