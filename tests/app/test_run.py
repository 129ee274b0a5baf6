"""How a server process is put together."""

import gc

from projects_api.app import run


def test_the_collector_does_not_go_through_the_server_again_and_again(tmp_path, monkeypatch):
    monkeypatch.setenv("PROJECTS_API_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(run, "set_up_logs", lambda *_: None)
    gc.unfreeze()  # what the tests froze, which is as much
    run.application()
    assert gc.isenabled()
    assert gc.get_freeze_count() > len(gc.get_objects())
