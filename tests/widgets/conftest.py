"""Shared by the tests of panels; those that need clips or songs in the folder have a workspace of their own."""

import pytest

from s2v_nb.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    made = Workspace(tmp_path, language="en")
    yield made
    made.close()
