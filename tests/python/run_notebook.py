"""Executes docs/results.ipynb on a folder of results, and prints how many pictures its cells drew.

    run_notebook.py OUT NOTEBOOK

The notebook as it is committed has no outputs. The one with outputs is written to NOTEBOOK.
"""

import os
import sys
import tempfile
from pathlib import Path

out, executed = sys.argv[1:]
path = Path(__file__).resolve().parents[2] / "docs/results.ipynb"

with tempfile.TemporaryDirectory() as home:
    os.environ["GUIDANCE_OUT"] = out
    # Nothing is left in the user's home, or read from there.
    for name in ["IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"]:
        os.environ[name] = home

    import nbclient
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells), f"{path}: found outputs, expected none"
    # Jupyter starts a notebook in its own folder, which its default path is relative to.
    # A busy machine takes more than the usual minute to start Python.
    client = nbclient.NotebookClient(notebook, startup_timeout=3600, resources={"metadata": {"path": path.parent}})
    client.execute()
    nbformat.write(notebook, executed)

outputs = [output for cell in cells for output in cell.outputs]
pictures = [output for output in outputs if "image/png" in output.get("data", {})]
said = [output for output in outputs if output.output_type == "stream"]
assert not said, f"{path}: found {said}, expected cells that print nothing, warnings included"
print(len(pictures), "pictures")
