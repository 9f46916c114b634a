import { readFileSync } from 'node:fs';
import type { DestinationSpec } from '@sluice/destination-kit';
import { CASES, conformanceProblems, runCases } from '@sluice/destination-kit';
import { expect, it } from 'vitest';
import { definitionEntry } from '../../../packages/destinations/src/definition-entry.ts';
import { notes } from './notes.ts';
import { openShelf, shelf } from './shelf.ts';

const spec: DestinationSpec = {
  type: 'notes',
  action: 'upsert',
  settings: { apiKey: 'zQ7secretNotesKey' },
  fields: { id: { '@path': '$.__segment_id' }, text: { '@path': '$.properties.text' }, enable_batching: true },
  mappingId: 'm',
  syncId: 's',
};

it('goes through every case of the conformance suite', async () => {
  const entry = definitionEntry(notes);
  const options = { fetchTimeoutMs: 30_000, userAgent: 'test', baseDirectory: '/' };
  const ok = { status: 200 };
  const results = await runCases({
    open: (runner) => entry.open(spec, { ...options, runner }),
    columns: (ordinal) => ({ text: `text ${ordinal}` }),
    invalid: { text: { not: 'a text' } },
    textColumn: 'text',
    deletes: false,
    perRow: true,
    vendor: () => ({ body: { results: [ok, ok, ok] } }),
    partial: () => ({ body: { results: [ok, { status: 400, message: 'too long' }, ok] } }),
    secrets: ['zQ7secretNotesKey'],
  });
  expect(results.map(({ name }) => name)).toEqual([...CASES]);
  expect(results.filter(({ verdict }) => verdict !== 'ok')).toEqual([
    { name: 'deletes', verdict: 'none', note: 'this action removes nothing' },
  ]);
});

it('keeps the promises of the contract', async () => {
  const onShelf: DestinationSpec = {
    ...spec,
    type: shelf.slug,
    action: 'put',
    settings: {},
    fields: { place: { '@path': '$.__segment_id' }, thing: { '@path': '$.properties.text' } },
  };
  const open = async () => openShelf(onShelf, new Map());
  expect(await conformanceProblems({ open, reads: new Set(['text']), columns: { text: 'a', unused: 1 } })).toEqual([]);
});

it('is what the guide shows', () => {
  // A formatter takes the indent out of code in Markdown.
  const bare = (text: string): string => text.trim().replaceAll(/^ +/gm, '');
  const read = (file: string): string => bare(readFileSync(new URL(file, import.meta.url), 'utf8'));
  const guide = readFileSync(new URL('../../../docs/guides/adding-a-destination.md', import.meta.url), 'utf8');
  const blocks = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => bare(code ?? ''));
  expect(blocks).toHaveLength(6);
  const sources = ['notes.ts', 'shelf.ts', 'notes.it.test.ts'].map(read);
  expect(blocks.filter((block) => !sources.some((source) => source.includes(block)))).toEqual([]);
});
