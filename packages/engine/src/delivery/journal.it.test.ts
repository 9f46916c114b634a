import { appendFile, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Journal } from './journal.ts';
import type { OutcomeRange } from './outcome-book.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'journal-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const delivered = (first: number, last: number): OutcomeRange => ({
  first,
  last,
  outcome: 'delivered',
  code: null,
  message: null,
});

async function replayed(): Promise<OutcomeRange[]> {
  const ranges: OutcomeRange[] = [];
  await using _journal = await Journal.open(dir, 'm', 's', (range) => ranges.push(range));
  return ranges;
}

test('gives back what was appended, in order', async () => {
  const rejected: OutcomeRange = { first: 5, last: 5, outcome: 'rejected', code: 'BAD', message: 'line\nbreak' };
  {
    await using journal = await Journal.open(dir, 'm', 's', () => undefined);
    await Promise.all([journal.append([delivered(0, 4)]), journal.append([rejected])]);
  }
  expect(await replayed()).toEqual([delivered(0, 4), rejected]);
});

test('a torn last line counts as not written, and what is appended later is whole', async () => {
  {
    await using journal = await Journal.open(dir, 'm', 's', () => undefined);
    await journal.append([delivered(0, 4)]);
  }
  await appendFile(join(dir, 'm.s.journal'), '[5,9,"deliv');
  {
    await using journal = await Journal.open(dir, 'm', 's', () => undefined);
    await journal.append([delivered(5, 9)]);
  }
  expect(await replayed()).toEqual([delivered(0, 4), delivered(5, 9)]);
  expect(await readFile(join(dir, 'm.s.journal'), 'utf8')).toBe('[0,4,"delivered"]\n[5,9,"delivered"]\n');
});

test('reads journals that are longer than its buffer', async () => {
  const count = 30_000;
  {
    await using journal = await Journal.open(dir, 'm', 's', () => undefined);
    for (let at = 0; at < count; at += 1000) {
      await journal.append(
        Array.from({ length: 1000 }, (_entry, index) => delivered((at + index) * 2, (at + index) * 2)),
      );
    }
  }
  const ranges = await replayed();
  expect(ranges.length).toBe(count);
  expect(ranges.at(-1)).toEqual(delivered(2 * (count - 1), 2 * (count - 1)));
});

test('is gone after the commit', async () => {
  const journal = await Journal.open(dir, 'm', 's', () => undefined);
  await journal.append([delivered(0, 0)]);
  await journal.remove();
  expect(await readdir(dir)).toEqual([]);
});

test('an unusable folder is an error that names it', async () => {
  await expect(Journal.open('/dev/null/nowhere', 'm', 's', () => undefined)).rejects.toMatchObject({
    code: 'JOURNAL_UNUSABLE',
    where: '/dev/null/nowhere/m.s.journal',
  });
});
