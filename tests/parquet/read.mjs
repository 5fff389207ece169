// Prints what hyparquet reads of a Parquet file, as JSON: its columns with their
// types and statistics, and its rows. Numbers that JSON has not are texts.
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'

const file = await asyncBufferFromFile(process.argv[2])
const metadata = await parquetMetadataAsync(file)
const names = metadata.schema.slice(1).map((column) => column.name)
const objects = await parquetReadObjects({ file, metadata })
const plain = (_, value) =>
  typeof value === 'bigint' ? value.toString()
    : typeof value === 'number' && !Number.isFinite(value) ? String(value)
      : Object.is(value, -0) ? '-0' : value
console.log(JSON.stringify({
  columns: metadata.schema.slice(1),
  rowGroups: metadata.row_groups.map((group) => ({
    rows: Number(group.num_rows),
    codecs: group.columns.map((column) => column.meta_data.codec),
    statistics: group.columns.map((column) => column.meta_data.statistics),
  })),
  rows: objects.map((object) => names.map((name) => object[name] ?? null)),
}, plain))
