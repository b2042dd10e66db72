"""A worker tells Ray nothing: failures come back as answers, faults without their text."""

import pickle
from pathlib import Path

import pytest

from optimizer.engines.ray_cluster import check_link
from optimizer.engines.ray_worker import Answer, Failure, Fault, Opened, RayWorker
from optimizer.testing_work import MishapWork, UnopenedWork
from runtime.errors import CapacityExhausted, ConfigInvalid, StudyInvalid
from runtime.version import VERSION


async def test_a_named_failure_is_an_answer_with_all_it_says(tmp_path: Path) -> None:
    worker = RayWorker(pickle.dumps(MishapWork(tmp_path)))
    await worker.open(VERSION)

    reply = await worker.do("full")

    assert isinstance(reply, Failure)
    assert isinstance(reply.error, CapacityExhausted)
    assert reply.error.retry_after_s == 7.5
    await worker.close()


async def test_a_fault_is_told_by_class_and_place_alone(tmp_path: Path) -> None:
    worker = RayWorker(pickle.dumps(MishapWork(tmp_path)))
    await worker.open(VERSION)

    reply = await worker.do("fault")

    assert isinstance(reply, Fault)
    assert reply.kind == "KeyError"
    assert reply.place.startswith("testing_work.py:")
    assert "Anna" not in repr(reply)


async def test_a_worker_of_another_release_is_not_used(tmp_path: Path) -> None:
    opened = await RayWorker(pickle.dumps(MishapWork(tmp_path))).open("0.0.0-other")

    assert isinstance(opened, Failure)
    assert isinstance(opened.error, ConfigInvalid)
    assert f"runs leeward {VERSION}, this is 0.0.0-other" in str(opened.error)


async def test_a_worker_that_cannot_open_its_work_says_why() -> None:
    opened = await RayWorker(pickle.dumps(UnopenedWork())).open(VERSION)

    assert isinstance(opened, Failure)
    assert isinstance(opened.error, StudyInvalid)


async def test_a_worker_answers_when_it_is_ready(tmp_path: Path) -> None:
    worker = RayWorker(pickle.dumps(MishapWork(tmp_path)))

    opened, reply = await worker.open(VERSION), await worker.do("pid")

    assert isinstance(opened, Opened)
    assert reply == Answer(opened.pid)


def node(host: str, *, is_alive: bool = True) -> dict[str, object]:
    return {"NodeManagerAddress": host, "Alive": is_alive, "Resources": {"CPU": 2.0}}


@pytest.mark.parametrize(
    ("address", "nodes"),
    [
        ("10.0.0.1:6379", [node("10.0.0.1"), node("10.0.0.2")]),
        ("auto", [node("10.0.0.1"), node("10.0.0.2")]),
        ("ray://head:10001", [node("10.0.0.1")]),
    ],
)
def test_questions_go_to_another_machine_only_over_encrypted_links(
    address: str, nodes: list[dict[str, object]]
) -> None:
    with pytest.raises(ConfigInvalid, match="RAY_USE_TLS=1"):
        check_link(address, nodes, {"RAY_USE_TLS": "0"})

    check_link(address, nodes, {"RAY_USE_TLS": "1"})


@pytest.mark.parametrize("address", ["10.0.0.1:6379", "auto", "ray://127.0.0.1:10001"])
def test_a_cluster_of_one_machine_needs_no_certificates(address: str) -> None:
    check_link(address, [node("10.0.0.1"), node("10.0.0.2", is_alive=False)], {})
