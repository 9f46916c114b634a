// Colours and the measure of text in a terminal. Text from data goes through `printable`
// first, so that no value can move the cursor or colour the screen.
import { stripVTControlCharacters, styleText } from 'node:util';
import type { Environment } from '../config/environment.ts';

export type Style = {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
};

type Format = Parameters<typeof styleText>[0];

const plain = (text: string): string => text;

export const PLAIN: Style = { bold: plain, dim: plain, good: plain, bad: plain, warn: plain };

const paint =
  (format: Format) =>
  (text: string): string =>
    styleText(format, text, { validateStream: false });

const COLOURED: Style = {
  bold: paint('bold'),
  dim: paint('dim'),
  good: paint('green'),
  bad: paint('red'),
  warn: paint('yellow'),
};

/** Colours only on a terminal, and not when NO_COLOR is set (https://no-color.org). */
export function styleFor(isTerminal: boolean, environment: Environment): Style {
  const refused = (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb';
  return isTerminal && !refused ? COLOURED : PLAIN;
}

/** One line without control characters; line breaks and tabs stay readable as escapes. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    if (character === '\r') return '\\r';
    if (character === '\u200d') return character;
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
}

/** Cells that a text takes in a terminal. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of stripVTControlCharacters(text)) width += cells(character);
  return width;
}

function cells(character: string): number {
  if (/^(?:\p{Mn}|\p{Me}|\u200d|\ufe0f)$/u.test(character)) return 0;
  const wide =
    /^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]$/u;
  return wide.test(character) ? 2 : 1;
}

/** At most `width` cells; what is cut is marked with an ellipsis. */
export function truncate(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let result = '';
  let used = 0;
  for (const character of text) {
    if (used + cells(character) > width - 1) break;
    result += character;
    used += cells(character);
  }
  return `${result}…`;
}

/** `1,234,567` */
export function figure(value: number): string {
  return value.toLocaleString('en-US');
}

/** `3 records`, `1 record` */
export function countOf(value: number, noun: string): string {
  return `${figure(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** `1.4 GB` in powers of ten, as BigQuery bills. */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

/** `850 ms`, `12.3 s`, `4 min 05 s` */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}
