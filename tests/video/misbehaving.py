"""A decoding process that does what the name of a video says."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from lamo.video.child import serve
from lamo.video.sandbox import _load


def load(arguments):
    decode = _load(arguments)

    def answer(question):
        path = Path(question["path"])
        what = path.stem
        if what == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if what == "nameless":
            os.kill(os.getpid(), signal.SIGRTMIN + 1)
        if what == "hang":
            time.sleep(1000)
        if what == "exit":
            os._exit(3)
        if what == "garbage":
            os.write(3, b"\xff" * 99)
            return {}, b"\xff" * 99
        if what == "half":
            return {"source": {}, "status": "ok", "reason": "", "times": [0.0, 1.0]}, b"\0" * 7
        if what == "strange":
            return {"times": "x"}, b""
        if what == "noise":
            print("x" * 2_000_000, flush=True)
            print("x" * 2_000_000, file=sys.stderr, flush=True)
            path = path.with_name("good.mp4")
        if what == "memory":
            np.ones(3 * 2**30, dtype=np.uint8)
        if what == "fault":
            raise AssertionError("a fault of our own")
        if what == "killed_once" and not path.with_suffix(".done").exists():
            path.with_suffix(".done").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "killed_again":
            os.kill(os.getpid(), signal.SIGKILL)
        return decode(question | {"path": str(path)})

    return answer


if __name__ == "__main__":
    serve(load)
