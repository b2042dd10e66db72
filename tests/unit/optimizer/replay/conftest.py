"""A small table of graphs with made-up answers, built by the same code as the real one."""

import pytest

from bench.search_reference_synthetic import made_up_table
from optimizer.replay.graph_table import GraphTable
from optimizer.replay.table_evaluator import TableHalf
from optimizer.replay.table_file import TableData
from optimizer.replay.table_space import TableSpace


@pytest.fixture(scope="session")
def table_data() -> TableData:
    return made_up_table(("tern-s", "tern-m", "gannet-m"), questions=64)


@pytest.fixture(scope="session")
def graph_table(table_data: TableData) -> GraphTable:
    return GraphTable(table_data)


@pytest.fixture(scope="session")
def table_space(graph_table: GraphTable) -> TableSpace:
    return TableSpace(graph_table)


@pytest.fixture(scope="session")
def table_half(graph_table: GraphTable) -> TableHalf:
    return TableHalf(graph_table, graph_table.columns(split="search"))
