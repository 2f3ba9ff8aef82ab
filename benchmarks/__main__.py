"""All benchmarks of the data stages. Their tables stand in docs/stores.md.

python -m benchmarks --videos path/to/videos --docs docs/stores.md
"""

import argparse
import tempfile
from datetime import date
from pathlib import Path

from benchmarks import codecs, decode, reading, writing
from benchmarks.timing import machine
from lamo.tools.documents import replace_between


def main() -> None:
    """Measure, print and, if asked to, write the tables into a document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=Path, help="folder of real videos; without it, codecs are not measured")
    parser.add_argument("--folder", type=Path, default=Path("results"), help="where stores are written; removed again")
    parser.add_argument("--docs", type=Path, help="document whose tables are replaced")
    parser.add_argument("--rounds", type=int, default=9, help="how often each pair is timed")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    measured = f"Measured {date.today()} on {machine(options.folder)}."
    print(measured)
    for name, text in sections(options):
        print(f"\n## {name}\n\n{text}", flush=True)
        if options.docs:
            replace_between(options.docs, name, f"{text}\n\n{measured}")


def sections(options: argparse.Namespace):
    """Run the parts of the benchmark one after the other; yields the name and the text of each."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        yield "decoding", decode.measure(Path(folder), options.rounds)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        yield "reading", reading.measure(Path(folder), 16, options.rounds)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        yield "writing", writing.measure(Path(folder), options.rounds)
    if options.videos:
        yield "codecs", codecs.measure(options.videos)


if __name__ == "__main__":
    main()
