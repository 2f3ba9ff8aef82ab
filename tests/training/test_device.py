"""Mixed precision where the device has it."""

import pytest
import torch

from lamo.training.device import mixed_precision


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("units", [{"avx512_bf16": True}, {"bf16": True, "neon": True}, {"avx2": True}, {}])
def test_on_a_cpu_with_units_for_it_matrix_products_are_in_bfloat16_if_asked(monkeypatch, units, enabled):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: units)
    one = torch.ones(2, 2)
    with mixed_precision(torch.device("cpu"), enabled):
        rounded = enabled and bool(units.keys() & {"avx512_bf16", "bf16"})
        assert (one @ one).dtype == (torch.bfloat16 if rounded else torch.float32)


@pytest.mark.parametrize("has", [True, False])
def test_a_gpu_without_bfloat16_stays_in_float32(monkeypatch, has):
    asked = {}
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: has and not including_emulation
    )
    monkeypatch.setattr(torch, "autocast", lambda device, **options: asked.update(device=device, **options))
    mixed_precision(torch.device("cuda"))
    assert asked == {"device": "cuda", "dtype": torch.bfloat16, "enabled": has}
