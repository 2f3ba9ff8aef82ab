"""Files of weights are looked at before the first job: missing ones, and others than the configuration states."""

import hashlib

import pytest

from lamo.errors import LamoError
from lamo.metrics.config import FidConfig, FvdConfig, LpipsConfig, MetricsConfig
from lamo.metrics.weights import check_weights, given_weights

STANDARD = {
    "fid": "inception-2015-12-05.pt",
    "lpips": "alexnet-owt-7be5be79.pth",
    "fvd": "i3d_torchscript.pt",
}


def config(name: str, **values) -> MetricsConfig:
    return MetricsConfig.model_validate({name: values})


def test_nothing_is_given_and_the_standard_files_are_expected_by_default():
    assert given_weights(MetricsConfig()) == {f"metrics.{name}.weights": None for name in STANDARD}
    check_weights(MetricsConfig())
    assert [len(one().sha256) for one in (FidConfig, LpipsConfig, FvdConfig)] == [64, 8, 64]
    assert LpipsConfig().sha256 in STANDARD["lpips"]


@pytest.mark.parametrize("name", STANDARD)
def test_a_missing_file_and_a_folder_are_named_with_the_key(tmp_path, name):
    for path in (tmp_path / "none.pt", tmp_path):
        with pytest.raises(LamoError) as caught:
            check_weights(config(name, weights=str(path)))
        found, expected = f"metrics.{name}.weights: found no file {path}", f"expected {STANDARD[name]}"
        assert str(caught.value).startswith(f"{found}, {expected}; docs/scores.md says where to get it")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", STANDARD)
def test_another_file_is_refused_unless_its_digits_are_stated(tmp_path, name):
    path = tmp_path / "weights.pt"
    path.write_bytes(b"weights of another network")
    digest = hashlib.sha256(b"weights of another network").hexdigest()
    with pytest.raises(
        LamoError, match=rf"^metrics\.{name}\.weights: found SHA-256 {digest} of .*weights\.pt, expected"
    ):
        check_weights(config(name, weights=str(path)))
    for stated in (digest, digest[:8], None):
        check_weights(config(name, weights=str(path), sha256=stated))
    with pytest.raises(LamoError, match=rf"expected {'0' * 8} .*set metrics\.{name}\.sha256"):
        check_weights(config(name, weights=str(path), sha256="0" * 8))


@pytest.mark.parametrize("stated", ["7be5be7", "7BE5BE79", "x" * 64, "0" * 65])
def test_digits_that_are_none_are_refused(stated):
    with pytest.raises(ValueError, match="sha256"):
        config("lpips", sha256=stated)
