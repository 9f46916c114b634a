// The file destination for the registry: its checks and where its files go.
import { accessSync, constants, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { JsonObject } from '@sluice/core';
import type { DestinationSpec, Diagnostic } from '@sluice/destination-kit';
import { error, mappedColumns } from '@sluice/destination-kit';
import type { DestinationEntry } from '../entry.ts';
import { columnTypeProblems } from '../object-store/column-types.ts';
import { openFile, rowMapping } from './destination.ts';
import { openParquetFiles } from './parquet-files.ts';
import { reservedColumnProblems } from './reserved-columns.ts';
import { fileShape } from './shape.ts';
import type { FileFormat } from './shape.ts';

const FILE_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/;

export function fileEntry(baseDirectory: string): DestinationEntry {
  return {
    type: fileShape.slug,
    name: fileShape.name,
    origin: 'native',
    shape: () => fileShape,
    check: (spec, modelColumns) => [
      ...directoryProblems(spec.settings, baseDirectory),
      ...nameProblems(spec.fields),
      ...reservedColumnProblems(spec, modelColumns),
      ...columnTypeProblems(spec.fields['column_types']),
    ],
    columns: (spec) => mappedColumns(rowMapping(spec.fields)),
    open: async (spec) => {
      const format = formatOf(spec.settings);
      const path = pathOf(spec, baseDirectory);
      return format === 'parquet' ? openParquetFiles(spec, path) : openFile(spec, path, format);
    },
  };
}

function pathOf(spec: DestinationSpec, baseDirectory: string): string {
  const { file } = spec.fields;
  const { directory } = spec.settings;
  if (typeof directory !== 'string') throw new TypeError('settings.directory is not a text');
  const name = typeof file === 'string' && file !== '' ? file : safeName(spec.mappingId);
  return join(resolve(baseDirectory, directory), `${name}-${safeName(spec.syncId)}.${formatOf(spec.settings)}`);
}

function formatOf(settings: JsonObject): FileFormat {
  const { format } = settings;
  return format === 'csv' || format === 'parquet' ? format : 'ndjson';
}

function safeName(id: string): string {
  return id.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 100);
}

function directoryProblems(settings: JsonObject, baseDirectory: string): Diagnostic[] {
  const { directory } = settings;
  if (typeof directory !== 'string' || directory === '') return [];
  const path = resolve(baseDirectory, directory);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined)
    return [error('settings.directory', `the directory ${path} does not exist`, `mkdir -p ${path}`)];
  if (!stats.isDirectory()) return [error('settings.directory', `${path} is not a directory`)];
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return [];
  } catch {
    return [error('settings.directory', `the directory ${path} is not writable for this user`, `chmod u+wx ${path}`)];
  }
}

function nameProblems({ file }: JsonObject): Diagnostic[] {
  if (file === undefined || file === null || file === '') return [];
  if (typeof file === 'string' && FILE_NAME.test(file)) return [];
  return [
    error(
      'fields.file',
      'the file name must be a fixed text of letters, digits, dot, dash and underscore that does not start with a dot',
    ),
  ];
}
