"""The table of faults is complete: each row has a test that holds it to what the user sees."""

from __future__ import annotations

import ast

from tests.faults import TABLE, rows


def test_every_row_of_the_table_of_faults_has_a_test() -> None:
    texts = set()
    for file in TABLE.parent.glob("test_*.py"):
        nodes = ast.walk(ast.parse(file.read_text("utf8")))
        texts |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert len(rows()) > 50
    assert set(rows()) <= texts
