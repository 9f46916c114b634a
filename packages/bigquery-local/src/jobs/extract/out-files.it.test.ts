import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseGsUri } from '../../cloud-storage/job-files.ts';
import { OutFiles } from './out-files.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-extract-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function* lines(count: number): AsyncGenerator<string> {
  for (let i = 0; i < count; i++) yield `${String(i).padStart(9, '0')}\n`;
}

const encoder = { begin: () => ({ header: Buffer.from('head\n'), part: (line: string) => Buffer.from(line) }) };

function open(uris: readonly string[], gzip = false): OutFiles {
  return new OutFiles(uris.map(parseGsUri), { directory, gzip, maxFileBytes: 100, table: 'p:d.t' });
}

test.each([false, true])('begins a new file, with its header, when one is full (gzip: %s)', async (gzip) => {
  const all: string[] = [];
  {
    await using out = open(['gs://b/x-*.csv', 'gs://b/y-*'], gzip);
    await out.write(lines(50), encoder);
    expect(out.counts).toEqual([3, 3]);
    expect(out.files.map(({ destination }) => destination.uri).toSorted()).toEqual([
      'gs://b/x-000000000000.csv',
      'gs://b/x-000000000001.csv',
      'gs://b/x-000000000002.csv',
      'gs://b/y-000000000000',
      'gs://b/y-000000000001',
      'gs://b/y-000000000002',
    ]);
    for (const { path } of out.files) {
      const bytes = await readFile(path);
      const [header, ...rows] = (gzip ? gunzipSync(bytes) : bytes).toString().trimEnd().split('\n');
      expect(header).toBe('head');
      all.push(...rows);
    }
  }
  expect(all.toSorted().map(Number)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  expect(await readdir(directory)).toEqual([]);
});

test('refuses what is too large for a single file, and leaves nothing behind', async () => {
  const write = async (): Promise<void> => {
    await using out = open(['gs://b/x.csv']);
    await out.write(lines(50), encoder);
  };
  await expect(write()).rejects.toThrow('Table p:d.t too large to be exported to a single file.');
  expect(await readdir(directory)).toEqual([]);
});
