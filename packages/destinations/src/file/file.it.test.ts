// `then` is a key of the `@if` directive.
/* oxlint-disable unicorn/no-thenable */
import { appendFile, chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Change, JsonObject, Operation } from '@sluice/core';
import type { DestinationRegistry, DestinationSpec, OpenDestination, Prepared } from '@sluice/destination-kit';
import { conformanceProblems } from '@sluice/destination-kit';
import { parquetReadObjects } from 'hyparquet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRegistry } from '../registry.ts';

let directory: string;
let registry: DestinationRegistry;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-file-'));
  registry = createRegistry();
});
afterEach(async () => rm(directory, { recursive: true }));

const change = (ordinal: number, columns: JsonObject, operation: Operation = 'added'): Change => ({
  ordinal,
  operation,
  recordId: `r${ordinal}`,
  checksum: '',
  columns,
});

function spec(format: string, fields: JsonObject = {}, more: Partial<DestinationSpec> = {}): DestinationSpec {
  return {
    type: 'file',
    action: 'append',
    settings: { directory, format },
    fields,
    mappingId: 'airports',
    syncId: 's1',
    ...more,
  };
}

async function deliver(destination: OpenDestination, changes: readonly Change[]) {
  const rows = changes.map((item) => destination.prepare(item) as Prepared);
  return destination.deliver(rows, { signal: new AbortController().signal, idempotencyKey: 'k' });
}

async function write(target: DestinationSpec, changes: readonly Change[]): Promise<void> {
  await using destination = await registry.open(target);
  await deliver(destination, changes);
  await destination.flush();
}

const contentOf = async (name: string): Promise<string> => readFile(join(directory, name), 'utf8');

describe('the file destination', () => {
  it('appends changes as newline-delimited JSON, all columns by default', async () => {
    await write(spec('ndjson'), [change(0, { id: 1, name: 'Zürich' }), change(1, { id: null, name: null }, 'deleted')]);
    expect(await contentOf('airports-s1.ndjson')).toBe(
      '{"_operation":"added","_record_id":"r0","id":1,"name":"Zürich"}\n{"_operation":"deleted","_record_id":"r1","id":null,"name":null}\n',
    );
  });

  it('writes CSV that keeps null, empty texts, quotes, line breaks and nested values apart', async () => {
    const columns = { text: 'a "b"\nc,d', empty: '', none: null, number: 1.5, flag: false, list: [1, 'x'] };
    await write(spec('csv'), [change(0, columns)]);
    expect(await contentOf('airports-s1.csv')).toBe(
      '"_operation","_record_id","text","empty","none","number","flag","list"\n' +
        '"added","r0","a ""b""\nc,d","",,1.5,false,"[1,""x""]"\n',
    );
  });

  it('tells the columns that the mapping reads without making a file', async () => {
    const fields = { row: { iata: { '@path': '$.properties.id' } } };
    expect(registry.columns(spec('csv', fields))).toEqual(new Set(['id']));
    expect(registry.columns(spec('csv', {}))).toBe('all');
    expect(await readdir(directory)).toEqual([]);
  });

  it('writes the mapped row only, into the named file, one file per sync', async () => {
    const fields = { file: 'out', row: { iata: { '@path': '$.properties.id' } } };
    await write(spec('csv', fields), [change(0, { id: 'ZRH', other: 1 })]);
    await write(spec('csv', fields, { syncId: '2026-01-01T00:00/2' }), [change(0, { id: 'GVA', other: 1 })]);
    expect((await readdir(directory)).sort()).toEqual(['out-2026-01-01T00_00_2.csv', 'out-s1.csv']);
    expect(await contentOf('out-s1.csv')).toBe('"_operation","_record_id","iata"\n"added","r0","ZRH"\n');
  });

  it.each([
    ['ndjson', '{"_operation":"upd'],
    ['csv', '"updated","r9","torn\nin a quoted\n'],
  ])('cuts off a torn last %s line and goes on after it', async (format, torn) => {
    const file = `airports-s1.${format}`;
    await write(spec(format), [change(0, { name: 'with\nbreak' })]);
    const whole = await contentOf(file);
    await appendFile(join(directory, file), torn);
    await write(spec(format), [change(1, { name: 'next' })]);
    const lines = await contentOf(file);
    expect(lines.startsWith(whole)).toBe(true);
    expect(lines).not.toContain('torn');
    expect(lines.slice(whole.length)).toMatch(/^[^\n]*next[^\n]*\n$/);
  });

  it('rejects the row that has a column which the CSV header lacks', async () => {
    const fields = {
      row: { '@if': { exists: { '@path': '$.properties.wide' }, then: { a: 1, b: 2 }, else: { a: 1 } } },
    };
    await using destination = await registry.open(spec('csv', fields));
    const result = await deliver(destination, [
      change(0, { wide: null }),
      change(1, { wide: true }),
      change(2, { wide: null }),
    ]);
    expect(result).toMatchObject({
      kind: 'rows',
      outcomes: [{ outcome: 'delivered' }, { code: 'UNKNOWN_COLUMN' }, { outcome: 'delivered' }],
    });
    expect((await contentOf('airports-s1.csv')).trim().split('\n')).toHaveLength(3);
  });

  it('rejects a row that is no object', async () => {
    await using destination = await registry.open(spec('ndjson', { row: { '@path': '$.properties.name' } }));
    expect(destination.prepare(change(0, { name: 'x' }))).toMatchObject({
      outcome: 'rejected',
      message: 'Row must be an object.',
    });
  });

  it('says which directory is missing, is no directory or is not writable', async () => {
    const at = (path: string): readonly unknown[] =>
      registry.validate(spec('csv', {}, { settings: { directory: path } }), ['id']);
    expect(at(directory)).toEqual([]);
    expect(at(join(directory, 'no'))).toMatchObject([
      { path: 'settings.directory', fix: expect.stringContaining('mkdir') as string },
    ]);
    await writeFile(join(directory, 'plain'), '');
    expect(at(join(directory, 'plain'))).toMatchObject([
      { message: expect.stringContaining('is not a directory') as string },
    ]);
    await expect(registry.open(spec('csv', {}, { settings: { directory: join(directory, 'no') } }))).rejects.toThrow(
      'does not exist',
    );
  });

  // Root may write anywhere.
  // Root may write into every directory, so there is nothing to be told.
  it.skipIf(process.getuid?.() === 0)('says that the directory is not writable', async () => {
    await chmod(directory, 0o500);
    const problems = registry.validate(spec('csv'), ['id']);
    await chmod(directory, 0o700);
    expect(problems).toMatchObject([{ message: expect.stringContaining('not writable') as string }]);
  });

  it('refuses names that leave the directory and columns of its own', () => {
    const problems = (fields: JsonObject, columns = ['id']): unknown => registry.validate(spec('csv', fields), columns);
    expect(problems({ file: '../evil' })).toMatchObject([{ path: 'fields.file' }]);
    expect(problems({ file: { '@path': '$.properties.id' } })).toMatchObject([{ path: 'fields.file' }]);
    expect(problems({}, ['_record_id'])).toMatchObject([
      { path: 'fields.row', message: expect.stringContaining('_record_id') as string },
    ]);
    expect(problems({ row: { _operation: 1 } })).toMatchObject([{ path: 'fields.row' }]);
  });
});

describe('Parquet files', () => {
  const types = { column_types: { id: 'INT64' } };
  const objectsOf = async (name: string): Promise<unknown> =>
    parquetReadObjects({ file: new Uint8Array(await readFile(join(directory, name))).buffer });

  it('are one per batch, typed by the mapping, and the same one when the batch is repeated', async () => {
    for (let time = 0; time < 2; time += 1) {
      await using destination = await registry.open(spec('parquet', types));
      await deliver(destination, [
        change(0, { id: 1, name: 'Zürich' }),
        change(1, { id: null, name: null }, 'deleted'),
      ]);
    }
    const names = await readdir(directory);
    expect(names).toEqual([expect.stringMatching(/^airports-s1-000000000000-[0-9a-f]{16}\.parquet$/)]);
    expect(await objectsOf(names[0] ?? '')).toEqual([
      { _operation: 'added', _record_id: 'r0', id: 1n, name: 'Zürich' },
      { _operation: 'deleted', _record_id: 'r1', id: null, name: null },
    ]);
  });

  it('keep the promises of every destination', async () => {
    const target = spec('parquet', types);
    const subject = { open: async () => registry.open(target), reads: registry.columns(target), columns: { id: 1 } };
    expect(await conformanceProblems(subject)).toEqual([]);
  });

  it('ask to try later when the directory is gone, and have types that exist', async () => {
    const target = spec('parquet', types);
    expect(registry.validate({ ...target, fields: { column_types: { id: 'INT' } } }, ['id'])).toMatchObject([
      { path: 'fields.column_types.id' },
    ]);
    await using destination = await registry.open(target);
    await rm(directory, { recursive: true });
    expect(await deliver(destination, [change(0, { id: 1 })])).toMatchObject({ cause: 'later', code: 'ENOENT' });
    await mkdir(directory);
  });
});
