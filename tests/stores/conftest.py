"""The codecs that the tests of rows run with."""

import pytest
from written_rows import CODECS


@pytest.fixture(params=list(CODECS))
def codec(request):
    return CODECS[request.param]
