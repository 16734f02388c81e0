import time
from urllib.request import urlopen

from infra.ports import free
from mongo_sink.meter import Meter


def test_what_a_task_took_and_has_before_it_is_shown_to_prometheus_and_in_the_log():
    meter, [port] = Meter(), free(1)
    meter.serve(port)
    meter.add("models-0", "local_updates", 3)
    meter.add("models-0", "local_updates", 4)
    meter.lag("models-0", lambda: {"local_updates": 9, "global_models": 0})
    meter.letters("models-0", 2)
    meter.failed("models-0", is_so=False)
    meter.failed("files-0", is_so=True)
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    assert 'fedlog_sink_records_total{task="models-0",topic="local_updates"} 7.0' in lines
    assert 'fedlog_sink_lag{task="models-0",topic="local_updates"} 9.0' in lines
    assert 'fedlog_sink_lag{task="models-0",topic="global_models"} 0.0' in lines
    assert 'fedlog_sink_undigested{task="models-0"} 2.0' in lines
    assert 'fedlog_sink_failed{task="models-0"} 0.0' in lines
    assert 'fedlog_sink_failed{task="files-0"} 1.0' in lines
    line = meter.line()
    assert "models-0 local_updates" in line
    assert "lag 9" in line
    assert "models-0 undigested 2" in line
    assert "files-0 HAS FAILED" in line
    assert "models-0 HAS FAILED" not in line


def test_how_far_behind_a_task_is_is_looked_at_once_in_a_while(monkeypatch):
    now, looks, meter = [100.0], [], Meter()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    for now[0] in (100.0, 100.5, 101.25):
        meter.lag("models-0", lambda: looks.append(now[0]) or {"local_updates": len(looks)})
    meter.lag("files-0", lambda: looks.append("the other") or {"local_updates": 7})
    assert looks == [100.0, 101.25, "the other"]
    assert "lag 2" in meter.line()
