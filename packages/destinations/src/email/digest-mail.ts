// A digest as a mail: subject, plain text and HTML. Values of rows are texts, never markup.
import type { JsonObject, JsonValue } from '@sluice/core';
import type { Digest, DigestRow } from '../digest/digest.ts';
import { filledText } from '../digest/digest.ts';

const MAX_CELL = 200;
const MAX_COLUMNS = 50;
const MAX_SUBJECT = 250;

export type MailWords = {
  readonly subject: string;
  readonly intro: string;
  readonly mappingId: string;
  readonly syncId: string;
};

export type DigestMail = { readonly subject: string; readonly text: string; readonly html: string };

export function digestMail(digest: Digest, words: MailWords): DigestMail {
  const { added, updated, deleted } = digest.counts;
  const counts = `${added} added, ${updated} updated, ${deleted} deleted`;
  const all = [...new Set(digest.rows.flatMap(({ payload }) => Object.keys(rowOf(payload))))];
  const columns = all.slice(0, MAX_COLUMNS);
  const head = ['change', 'record', ...columns];
  const lines = digest.rows.map((row) => cellsOf(row, columns));
  const notes = [
    ...(digest.more > 0 ? [`${digest.more} more changes are not shown.`] : []),
    ...(all.length > columns.length ? [`${all.length - columns.length} more columns are not shown.`] : []),
    `Sync ${words.syncId} of ${words.mappingId}.`,
  ];
  const intro = filledText(words.intro, digest, words);
  return {
    subject: filledText(words.subject, digest, words).replaceAll(/\s+/g, ' ').slice(0, MAX_SUBJECT),
    text: [
      ...(intro === '' ? [] : [intro, '']),
      counts,
      '',
      ...(lines.length === 0 ? [] : [head, ...lines].map((cells) => cells.join(' | '))),
      '',
      ...notes,
      '',
    ].join('\n'),
    html: [
      '<!doctype html><html><body style="font-family: sans-serif">',
      ...(intro === '' ? [] : [`<p style="white-space: pre-line">${escaped(intro)}</p>`]),
      `<p>${escaped(counts)}</p>`,
      ...(lines.length === 0 ? [] : [table(head, lines)]),
      ...notes.map((note) => `<p>${escaped(note)}</p>`),
      '</body></html>',
      '',
    ].join('\n'),
  };
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag} align="left">${escaped(cell)}</${tag}>`).join('')}</tr>`;
  return [
    '<table border="1" cellpadding="4" style="border-collapse: collapse">',
    row(head, 'th'),
    ...lines.map((cells) => row(cells, 'td')),
    '</table>',
  ].join('\n');
}

function cellsOf({ operation, recordId, payload }: DigestRow, columns: readonly string[]): string[] {
  const row = rowOf(payload);
  return [operation, cut(recordId), ...columns.map((column) => cut(textOf(row[column])))];
}

function rowOf({ row }: JsonObject): JsonObject {
  return typeof row === 'object' && row !== null && !Array.isArray(row) ? row : {};
}

function textOf(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

// One line per row also in plain text, and no half of a character at its end.
function cut(text: string): string {
  const line = text.slice(0, MAX_CELL * 4).replaceAll(/\s+/g, ' ');
  return line.length <= MAX_CELL ? line : `${line.slice(0, MAX_CELL).replace(/[\ud800-\udbff]$/, '')}…`;
}

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
