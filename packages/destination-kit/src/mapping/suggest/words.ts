// Names as lists of words, so that `EmailAddress`, `email_address` and `E-mail addresses` meet.
import { ABBREVIATIONS, FILLERS, GENERIC, SYNONYMS } from './synonyms.ts';

export type Words = {
  /** In lower case and in the singular, with short forms written out. */
  readonly all: readonly string[];
  /** Without words that say little, unless nothing would be left. */
  readonly telling: readonly string[];
  /** The meaning's place in the table of synonyms, when it is known. */
  readonly meaning: number | undefined;
};

const MAX_WORDS = 12;

const meanings: ReadonlyMap<string, number> = new Map(
  SYNONYMS.flatMap((names, index) => names.map((name): [string, number] => [split(name).telling.join(' '), index])),
);

export function wordsOf(name: string): Words {
  const { all, telling } = split(name);
  return { all, telling, meaning: meanings.get(telling.join(' ')) ?? meanings.get(telling.join('')) };
}

function split(name: string): Pick<Words, 'all' | 'telling'> {
  const all = name
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/([\p{Ll}\d])(\p{Lu})/gu, '$1 $2')
    .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\d]+/u)
    .filter((word) => word !== '')
    .slice(0, MAX_WORDS)
    .map((word) => ABBREVIATIONS[word] ?? singular(word));
  const said = all.filter((word) => !FILLERS.has(word));
  return { all, telling: said.length === 0 ? all : said };
}

function singular(word: string): string {
  if (/(ss|us|is)$/.test(word) || word.length < 4) return word;
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  return word.endsWith('sses') || word.endsWith('xes') ? word.slice(0, -2) : word.replace(/s$/, '');
}

/** How alike two names are, from 0 to 1, and why. */
export function likeness(column: Words, field: Words): { readonly score: number; readonly reason: string } {
  const [a, b] = [column.telling.join(''), field.telling.join('')];
  if (a === '' || b === '') return { score: 0, reason: '' };
  if (a === b) return { score: 1, reason: 'same name' };
  if (column.meaning !== undefined && column.meaning === field.meaning) return { score: 0.9, reason: 'same meaning' };
  const common = column.telling.filter((word) => field.telling.includes(word));
  const shared = common.every((word) => GENERIC.has(word)) ? 0 : common.length;
  const union = new Set([...column.telling, ...field.telling]).size;
  const overlap = shared / union;
  // One name inside the other: `email` and `work email`, but not `name` and `first name`, which differ.
  const known = column.meaning !== undefined && field.meaning !== undefined;
  if (overlap > 0 && !known) return { score: 0.35 + overlap * 0.5, reason: 'shared words' };
  if (overlap > 0) return { score: overlap * 0.5, reason: 'shared words' };
  const typing = Math.min(a.length, b.length) >= 5 ? 1 - distance(a, b) / Math.max(a.length, b.length) : 0;
  return typing >= 0.8 ? { score: 0.6 + (typing - 0.8), reason: 'similar spelling' } : { score: 0, reason: '' };
}

/** Levenshtein's distance; the names are short. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
