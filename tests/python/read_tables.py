"""Opens every Parquet file under a folder with pandas, DuckDB and Polars, and compares columns, types,
rows and nulls with data-prep/schemas.toml and with each other; and pixels.arrow with pyarrow.

    python read_tables.py FOLDER
"""

import sys
import tomllib
from pathlib import Path

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.ipc
import pyarrow.parquet

# Per type: pyarrow's, DuckDB's, Polars', and pandas' where the column has no null.
TYPES = {
    "utf8": ({"string", "large_string", "string_view"}, "VARCHAR", polars.String, None),
    "binary": ({"binary", "large_binary", "binary_view"}, "BLOB", polars.Binary, "object"),
    "i32": ({"int32"}, "INTEGER", polars.Int32, "int32"),
    "i64": ({"int64"}, "BIGINT", polars.Int64, "int64"),
    "f32": ({"float"}, "FLOAT", polars.Float32, "float32"),
    "f64": ({"double"}, "DOUBLE", polars.Float64, "float64"),
    "bool": ({"bool"}, "BOOLEAN", polars.Boolean, "bool"),
}
# A table of `analysis` that gathers others keeps their columns.
COLUMNS_OF = {"runs": "run"}


def same(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: found {found}, expected {expected}")


def plain(path, field):
    for kind, (of_arrow, *_) in TYPES.items():
        if str(field.type) in of_arrow:
            return kind
    sys.exit(f"{path}: {field.name}: found {field.type}, expected one of {', '.join(TYPES)}")


def read(path, schemas):
    name = path.stem
    metadata = {k.decode(): v.decode() for k, v in pyarrow.parquet.read_metadata(path).metadata.items()}
    same(f"{path}: guidance.schema", metadata.get("guidance.schema"), name)
    # A report's own tables are not handed on: they are only read alike everywhere.
    declared = schemas.get(COLUMNS_OF.get(name, name))
    if declared:
        same(f"{path}: guidance.version", metadata.get("guidance.version"), str(declared["version"]))
    same(f"{path}: words of guidance.program", len(metadata.get("guidance.program", "").split()), 2)
    same(f"{path}: digits of guidance.inputs", len(metadata.get("guidance.inputs", "")), 64)

    arrow = pyarrow.parquet.read_table(path)
    frame = pandas.read_parquet(path)
    lazy = polars.read_parquet(path)
    database = duckdb.connect()
    described = database.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    (n_rows,) = database.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchone()
    for tool, rows in [("pandas", len(frame)), ("Polars", lazy.height), ("DuckDB", n_rows)]:
        same(f"{path}: rows in {tool}", rows, arrow.num_rows)
    for tool, names in [
        ("pandas", list(frame.columns)), ("Polars", lazy.columns), ("DuckDB", [row[0] for row in described]),
    ]:
        same(f"{path}: columns in {tool}", names, arrow.column_names)
    for column in arrow.column_names:
        n_null = arrow[column].null_count
        (in_duckdb,) = database.execute(
            f'SELECT count(*) - count("{column}") FROM read_parquet(?)', [str(path)]
        ).fetchone()
        same(f"{path}: nulls of {column} in DuckDB", in_duckdb, n_null)
        same(f"{path}: nulls of {column} in Polars", lazy[column].null_count(), n_null)
        same(f"{path}: nulls of {column} in pandas", int(frame[column].isna().sum()), n_null)

    kinds = [plain(path, field) + "?" for field in arrow.schema]
    if declared:
        columns = [entry.split(" ")[:2] for entry in declared["columns"]]
        same(f"{path}: columns", arrow.column_names, [column for column, _ in columns])
        same(f"{path}: types", kinds, [kind.removesuffix("?") + "?" for _, kind in columns])
        kinds = [kind for _, kind in columns]
    for column, kind, (_, in_duckdb, *_) in zip(arrow.column_names, kinds, described):
        _, of_duckdb, of_polars, of_pandas = TYPES[kind.removesuffix("?")]
        same(f"{path}: type of {column} in DuckDB", in_duckdb, of_duckdb)
        same(f"{path}: type of {column} in Polars", lazy[column].dtype, of_polars)
        n_null = arrow[column].null_count
        if not kind.endswith("?"):
            same(f"{path}: nulls of {column}", n_null, 0)
        if of_pandas and n_null == 0 and len(frame):
            same(f"{path}: type of {column} in pandas", str(frame[column].dtype), of_pandas)


def read_pixels(path):
    """Row i of the memory-mapped file belongs to the image with pixel_row i."""
    images = pandas.read_parquet(path.with_name("images.parquet"))
    with pyarrow.memory_map(str(path)) as mapped:
        reader = pyarrow.ipc.open_file(mapped)
        size = [int(reader.schema.metadata[key]) for key in (b"height", b"width")]
        same(f"{path}: columns", reader.schema.names, ["rgb"])
        same(f"{path}: bytes of a row", reader.schema.field("rgb").type.byte_width, size[0] * size[1] * 3)
        pixels = reader.read_all()
        same(f"{path}: rows", pixels.num_rows, len(images))
        same(f"{path}: pixel_row", sorted(images.pixel_row), list(range(len(images))))
        if any(len(set(row)) < 2 for row in pixels["rgb"].to_pylist()):
            sys.exit(f"{path}: found an image of one value")


def main():
    folder = Path(sys.argv[1])
    schemas = tomllib.loads((Path(__file__).parents[2] / "data-prep/schemas.toml").read_text())
    tables = sorted(folder.rglob("*.parquet"))
    for path in tables:
        read(path, schemas)
    pixels = sorted(folder.rglob("pixels.arrow"))
    same("pixel files", len(pixels), 1)
    read_pixels(pixels[0])
    print(f"{len(tables)} tables")


main()
