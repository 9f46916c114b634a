// What all stores promise, on a real server each: names, formats, repeated batches, refusals.
import { gunzipSync } from 'node:zlib';
import type { Change, JsonObject, Operation } from '@sluice/core';
import type { BatchResult, DestinationSpec, OpenDestination, Prepared } from '@sluice/destination-kit';
import { conformanceProblems } from '@sluice/destination-kit';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRegistry } from '@sluice/destinations';
import type { RunningStore } from './running-stores.ts';
import { storesUnderTest } from './running-stores.ts';

const LIMIT_MS = 300_000;
const registry = createRegistry();

function changes(rows: readonly JsonObject[], operation: Operation = 'added', from = 0): Change[] {
  return rows.map((columns, index) => ({
    ordinal: from + index,
    operation,
    recordId: `r${from + index}`,
    checksum: `c${from + index}`,
    columns: operation === 'deleted' ? Object.fromEntries(Object.keys(columns).map((name) => [name, null])) : columns,
  }));
}

async function deliver(
  destination: OpenDestination,
  list: readonly Change[],
  signal = new AbortController().signal,
): Promise<BatchResult> {
  const rows = list.map((change) => destination.prepare(change) as Prepared);
  return destination.deliver(rows, { signal, idempotencyKey: `key of ${list[0]?.ordinal}` });
}

const ok = (rows: number): BatchResult => ({
  kind: 'rows',
  outcomes: Array.from({ length: rows }, () => ({ outcome: 'delivered' })),
});

describe.each(storesUnderTest)('$name', ({ start }) => {
  let store: RunningStore;
  beforeAll(async () => {
    store = await start();
  }, LIMIT_MS);
  afterAll(async () => {
    await store.stop();
  }, LIMIT_MS);
  beforeEach(async () => {
    await store.clear();
  });

  function spec(fields: JsonObject = {}, settings: JsonObject = {}): DestinationSpec {
    return {
      type: store.type,
      action: 'write',
      settings: { ...store.settings, ...settings },
      fields,
      mappingId: 'air/ports',
      syncId: '20260131235900_abc123',
    };
  }

  it('keeps the promises of every destination', async () => {
    const fields = { row: { name: { '@path': '$.properties.name' } } };
    const problems = await conformanceProblems({
      open: () => registry.open(spec(fields)),
      reads: registry.columns(spec(fields)),
      columns: { name: 'Ada', age: 36 },
    });
    expect(problems).toEqual([]);
  });

  it('writes one file per batch, named by mapping, the date of the sync and batch; a repeated batch is no second one', async () => {
    const rows = [
      { id: 1, name: 'Zoë 日本語 🎉\n"x"' },
      { id: 2, name: null },
    ];
    for (let time = 0; time < 2; time += 1) {
      await using destination = await registry.open(spec());
      expect(await deliver(destination, changes(rows))).toEqual(ok(2));
      expect(await deliver(destination, changes(rows, 'deleted', 2))).toEqual(ok(2));
      await destination.flush();
    }
    const files = await store.files();
    expect([...files.keys()]).toEqual([
      expect.stringMatching(/^air_ports\/2026-01-31\/20260131235900_abc123-000000000000-[0-9a-f]{16}\.ndjson$/),
      expect.stringMatching(/^air_ports\/2026-01-31\/20260131235900_abc123-000000000002-[0-9a-f]{16}\.ndjson$/),
    ]);
    const [added, deleted] = [...files.values()].map((body) =>
      body
        .toString()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as JsonObject),
    );
    expect(added).toEqual([
      { _operation: 'added', _record_id: 'r0', id: 1, name: 'Zoë 日本語 🎉\n"x"' },
      { _operation: 'added', _record_id: 'r1', id: 2, name: null },
    ]);
    expect(deleted?.[0]).toEqual({ _operation: 'deleted', _record_id: 'r2', id: null, name: null });
  });

  it('packs CSV with gzip, under a key of its own', async () => {
    const fields = { format: 'csv', gzip: true, key: 'exports/year={year}/month={month}/{hour} {batch}' };
    await using destination = await registry.open(spec(fields));
    expect(await deliver(destination, changes([{ a: 'x,"y"', b: null, c: '' }]))).toEqual(ok(1));
    const [[name, body] = ['', Buffer.alloc(0)]] = [...(await store.files())];
    expect(name).toMatch(/^exports\/year=2026\/month=01\/23 000000000000-[0-9a-f]{16}\.csv\.gz$/);
    expect(gunzipSync(body).toString()).toBe('"_operation","_record_id","a","b","c"\n"added","r0","x,""y""",,""\n');
  });

  it('writes Parquet with the types of the mapping, and rejects the row that does not fit alone', async () => {
    const fields = { format: 'parquet', column_types: { n: 'INT64', at: 'TIMESTAMP', price: 'NUMERIC' } };
    await using destination = await registry.open(spec(fields));
    const row = { n: '9007199254740993', at: '2026-01-31T10:11:12.123456Z', price: '12.5', text: 'é', list: [1, null] };
    const result = await deliver(destination, changes([row, { ...row, n: 'many' }, { ...row, n: null }]));
    expect(result).toEqual({
      kind: 'rows',
      outcomes: [
        { outcome: 'delivered' },
        { outcome: 'rejected', code: 'VALUE_UNFIT', message: 'the column "n" takes whole numbers (INT64)' },
        { outcome: 'delivered' },
      ],
    });
    const [body] = [...(await store.files()).values()];
    const bytes = new Uint8Array(body ?? []);
    const [first, second, ...others] = await parquetReadObjects({ file: bytes.buffer });
    expect(others).toEqual([]);
    expect(first).toMatchObject({
      _operation: 'added',
      _record_id: 'r0',
      n: 9007199254740993n,
      price: 12.5,
      text: 'é',
    });
    expect(first).toMatchObject({ list: '[1,null]' });
    expect(second).toMatchObject({ _record_id: 'r2', n: null });
  });

  it('takes rows of 5 MB and more', async () => {
    await using destination = await registry.open(spec());
    const large = 'x'.repeat(12 * 1024 * 1024);
    expect(await deliver(destination, changes([{ large }]))).toEqual(ok(1));
    const [body] = [...(await store.files()).values()];
    expect((JSON.parse(body?.toString() ?? '{}') as JsonObject)['large']).toBe(large);
  });

  it('ends when it is cancelled, leaves nothing half done, and goes on after it', async () => {
    await using destination = await registry.open(spec());
    const cancel = new AbortController();
    const delivery = deliver(destination, changes([{ large: 'x'.repeat(6 * 1024 * 1024) }]), cancel.signal);
    setTimeout(() => cancel.abort(), 1);
    const result = await delivery;
    // It may have been faster.
    expect(['later', 'delivered']).toContain(result.kind === 'failed' ? result.cause : 'delivered');
    expect(await deliver(destination, changes([{ a: 1 }], 'added', 7))).toEqual(ok(1));
    const torn = [...(await store.files())].filter(
      ([name, body]) => name.endsWith('.ndjson') && !body.toString().endsWith('}\n'),
    );
    expect(torn).toEqual([]);
  });

  it('stops with the reason when it is not let in, and shows no secret', async () => {
    for (const { settings, message, secret } of store.refused) {
      await using destination = await registry.open(spec({}, settings));
      const result = await deliver(destination, changes([{ a: 'not let in' }]));
      expect(result).toMatchObject({
        kind: 'failed',
        cause: 'stop',
        message: expect.stringMatching(message) as string,
      });
      const tested = await registry.testAuthentication(spec({}, settings));
      expect(tested.result).toBe('invalid');
      expect(JSON.stringify([result, tested])).not.toContain(secret);
    }
    // What an earlier test cancelled may still arrive.
    const contents = [...(await store.files()).values()].map(String);
    expect(contents.filter((content) => content.includes('not let in'))).toEqual([]);
    expect(await registry.testAuthentication(spec())).toEqual({ result: 'valid' });
  });

  it('asks to try later when nobody answers', async () => {
    await using destination = await registry.open(spec({}, store.unreachable));
    expect(await deliver(destination, changes([{ a: 1 }]))).toMatchObject({ kind: 'failed', cause: 'later' });
    expect(await registry.testAuthentication(spec({}, store.unreachable))).toMatchObject({ result: 'unavailable' });
  });

  it('names what is wrong with a key, a format or a type', () => {
    const problems = (fields: JsonObject): unknown[] =>
      registry.validate(spec(fields), ['id']).map(({ path, message }) => `${path}: ${message}`);
    expect(problems({})).toEqual([]);
    expect(problems({ key: '/{batch}' })).toEqual([expect.stringContaining('empty folder name')]);
    expect(problems({ key: '../{batch}' })).toEqual([expect.stringContaining('begins with a dot')]);
    expect(problems({ key: 'a/.{batch}' })).toEqual([expect.stringContaining('begins with a dot')]);
    expect(problems({ key: '{batch}.csv.gz' })).toEqual([expect.stringContaining('extension')]);
    expect(problems({ key: '{mapping}/{sync}' })).toEqual([expect.stringContaining('needs {batch}')]);
    expect(problems({ key: '{model}/{batch}' })).toEqual([expect.stringContaining('"{model}"')]);
    expect(problems({ key: 'a\\b/{batch}' })).toEqual([expect.stringContaining('not every store')]);
    expect(problems({ key: { '@path': '$.properties.id' } })).toEqual([expect.stringContaining('fixed text')]);
    expect(problems({ format: 'xml' })).toEqual([expect.stringContaining('fields.format')]);
    expect(problems({ format: 'parquet', gzip: true })).toEqual([expect.stringContaining('packed already')]);
    expect(problems({ column_types: { id: 'INT' } })).toEqual([expect.stringContaining('"id" has no known type')]);
    expect(problems({ row: { _operation: 1 } })).toEqual([expect.stringContaining('_operation')]);
  });
});
