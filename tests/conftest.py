"""Puts this folder on the path: tests of several packages share its modules."""

import torch

# The tests' tensors are tiny: a second thread gains nothing, and beside other work it costs many times as much.
torch.set_num_threads(1)
