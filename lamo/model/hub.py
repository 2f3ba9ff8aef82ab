"""Models of the Hugging Face hub."""

from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from lamo.errors import LamoError


def fetched(name: str, **hub: Any) -> str:
    """The folder of the model `name` of the hub, downloaded unless it is there already.

    `hub`: options of `huggingface_hub.snapshot_download`, as revision. Raises `LamoError` if the hub has no such model
    or cannot be reached.
    """
    try:
        return snapshot_download(name, **hub)
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise LamoError(
            f"{name}: found no such folder, nor that model on the Hugging Face hub ({reason}); give the folder of a "
            "model, or the name of one on the hub"
        ) from None
