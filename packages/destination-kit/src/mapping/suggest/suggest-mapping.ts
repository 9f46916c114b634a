// Suggests which columns of a model fill the fields of an action. The defaults of definitions are
// made for event streams and play no part. Promise: each column fills at most one field (the
// identifier may fill more), required fields choose first, and each suggestion says why.
import type { JsonObject, JsonValue } from '@sluice/core';
import type { ActionInfo, FieldInfo } from '../../info.ts';
import { RESERVED_KEYS } from '../../segment/definition.ts';
import type { ColumnType } from './column-type.ts';
import { fit, parseColumnType } from './column-type.ts';
import type { Words } from './words.ts';
import { OPEN_OBJECT, RECORD_WORDS, STEERING_OBJECT } from './synonyms.ts';
import { likeness, wordsOf } from './words.ts';

export type SuggestColumn = {
  readonly name: string;
  /** GoogleSQL type. */
  readonly type: string;
  readonly description?: string;
};

export type Suggestion = {
  /** `email`, or `address.city` for a part of an object. */
  readonly field: string;
  /** The column, or several for a field that takes what is left. */
  readonly columns: readonly string[];
  /** 0 to 1: how sure. */
  readonly score: number;
  readonly reason: string;
  readonly required: boolean;
  readonly value: JsonValue;
};

export type SuggestedMapping = {
  /** The suggestions as a mapping's fields. */
  readonly fields: JsonObject;
  readonly suggestions: readonly Suggestion[];
  /** Required fields without a suggestion. */
  readonly missing: readonly { readonly field: string; readonly label: string; readonly description: string }[];
  readonly unusedColumns: readonly string[];
};

/** Below, names are alike by accident. A required field must be filled, so that less is worth showing. */
const LEAST = { required: 0.45, optional: 0.6 } as const;
const IDENTIFIER_SCORE = 0.55;
const REST_SCORE = 0.5;

type Column = {
  readonly name: string;
  readonly words: Words;
  readonly described: Words | undefined;
  readonly type: ColumnType;
};

type Place = {
  readonly path: readonly string[];
  readonly field: FieldInfo;
  readonly required: boolean;
  readonly words: readonly Words[];
};

type Pair = { readonly place: Place; readonly column: Column; readonly score: number; readonly reason: string };

/** `key` is the model's identifier column. */
export function suggestMapping(
  columns: readonly SuggestColumn[],
  key: string,
  action: Pick<ActionInfo, 'fields'>,
): SuggestedMapping {
  const known = columns.map(({ name, type, description }): Column => ({
    name,
    type: parseColumnType(type),
    words: wordsOf(name),
    described: description === undefined || description === '' ? undefined : wordsOf(description),
  }));
  const fields = action.fields.filter(({ name, hidden }) => hidden !== true && !RESERVED_KEYS.has(name));
  const places = fields.flatMap((field) => placesOf(field, [], field.required));
  const chosen = choose(places, known, key);
  const suggestions = chosen.map((pair) => suggestionOf(pair, key));
  addIdentifiers(places, suggestions, known, key);
  addRest(fields, suggestions, known);
  const order = new Map(places.map(({ path }, index) => [path.join('.'), index]));
  suggestions.sort(
    (a, b) => Number(b.required) - Number(a.required) || (order.get(a.field) ?? 0) - (order.get(b.field) ?? 0),
  );
  const filled = new Set(suggestions.flatMap(({ field }) => [field, field.split('.')[0] ?? field]));
  const used = new Set(suggestions.flatMap((suggestion) => suggestion.columns));
  return {
    fields: assembled(suggestions),
    suggestions,
    missing: fields
      .filter(({ name, required }) => required && !filled.has(name))
      .map(({ name, label, description }) => ({ field: name, label, description })),
    unusedColumns: columns.map(({ name }) => name).filter((name) => !used.has(name)),
  };
}

/** The fields that can be filled one by one: an object with named parts is its parts. */
function placesOf(field: FieldInfo, above: readonly string[], required: boolean): Place[] {
  const path = [...above, field.name];
  const parts = (field.properties ?? []).filter(({ hidden }) => hidden !== true);
  const own: Place = { path, field, required, words: [wordsOf(field.name), wordsOf(field.label)] };
  if (field.type === 'object' && parts.length > 0 && above.length < 3) {
    return [own, ...parts.flatMap((part) => placesOf(part, path, required && part.required))];
  }
  return [own];
}

/** Best pairs first; required fields before others where both are good enough. */
function choose(places: readonly Place[], columns: readonly Column[], key: string): Pair[] {
  const pairs = places.flatMap((place) =>
    columns.flatMap((column): Pair[] => {
      const pair = judge(place, column, columns, key);
      return pair.score >= (place.required ? LEAST.required : LEAST.optional) ? [pair] : [];
    }),
  );
  pairs.sort((a, b) => rank(b) - rank(a));
  const usedColumns = new Set<string>();
  const usedPlaces: string[] = [];
  return pairs.filter(({ place, column }) => {
    const at = place.path.join('.');
    // A whole object and its parts exclude each other.
    const overlaps = usedPlaces.some((used) => used === at || used.startsWith(`${at}.`) || at.startsWith(`${used}.`));
    if (overlaps || usedColumns.has(column.name)) return false;
    usedPlaces.push(at);
    usedColumns.add(column.name);
    return true;
  });
}

function rank({ score, place }: Pair): number {
  return score + (place.required ? 0.15 : 0);
}

function judge(place: Place, column: Column, columns: readonly Column[], key: string): Pair {
  const { field } = place;
  const { share, note } = fit(column.type, field);
  if (share === 0) return { place, column, score: 0, reason: '' };
  const byName = place.words.map((words) => likeness(column.words, words)).reduce(better);
  // `address_city` for the part `city` of `address`.
  const whole = place.path.length < 2 ? byName : better(byName, likeness(column.words, wordsOf(place.path.join(' '))));
  const described =
    column.described === undefined
      ? { score: 0, reason: '' }
      : place.words
          .map((words) => likeness(column.described as Words, words))
          .map(({ score }) => ({ score: score * 0.8, reason: "the column's description" }))
          .reduce(better);
  let { score, reason } = better(whole, described);
  // What names the column in full also names the field in full: `id` alone fits every "… id" badly.
  if (reason === 'shared words' && columns.some((other) => other !== column && exact(other, place))) score = 0;
  if (field.choices !== undefined) score *= 0.9;
  if (column.name === key && namesRecord(place) && score < IDENTIFIER_SCORE) {
    score = IDENTIFIER_SCORE;
    reason = "the model's identifier";
  }
  return { place, column, score: round(score * share), reason: [reason, note].filter(Boolean).join('; ') };
}

/** `user_id`, `Record identifier`; not `spreadsheet_id`. */
function namesRecord({ words }: Place): boolean {
  return words.some(
    ({ telling }) =>
      (telling.includes('id') || telling.includes('identifier')) && telling.every((word) => RECORD_WORDS.has(word)),
  );
}

function exact(column: Column, place: Place): boolean {
  return place.words.some((words) => likeness(column.words, words).score >= 0.9);
}

function better<T extends { readonly score: number }>(a: T, b: T): T {
  return b.score > a.score ? b : a;
}

function suggestionOf({ place, column, score, reason }: Pair, key: string): Suggestion {
  return {
    field: place.path.join('.'),
    columns: [column.name],
    score,
    reason,
    required: place.required,
    value: valueOf(column, place.field, key),
  };
}

function valueOf(column: Column, field: FieldInfo, key: string): JsonValue {
  const { type, name } = column;
  // The identifier of a deleted record stands only here, and is always a text.
  if (name === key && field.type === 'string') return { '@path': '$.__segment_id' };
  const path = `$.properties.${name}`;
  if (type.kind === 'list' && type.of.kind === 'struct' && field.properties !== undefined) {
    const { fields } = suggestMapping(
      type.of.fields.map((part) => ({ name: part.name, type: typeText(part.type) })),
      '',
      { fields: field.properties },
    );
    if (Object.keys(fields).length > 0) return { '@arrayPath': [path, inItem(fields)] };
  }
  return { '@path': path };
}

/** Inside a list, paths start at the item. */
function inItem(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(inItem);
  if (typeof value === 'string') return value.replace(/^\$\.properties\./, '$.');
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, inItem(item)]));
}

function typeText(type: ColumnType): string {
  if (type.kind === 'scalar') return type.name;
  if (type.kind === 'list') return `ARRAY<${typeText(type.of)}>`;
  return `STRUCT<${type.fields.map((field) => `${field.name} ${typeText(field.type)}`).join(', ')}>`;
}

/** A required identifier that no name fits takes the model's own. */
function addIdentifiers(
  places: readonly Place[],
  suggestions: Suggestion[],
  columns: readonly Column[],
  key: string,
): void {
  const column = columns.find(({ name }) => name === key);
  if (column === undefined) return;
  for (const place of places) {
    const field = place.path.join('.');
    if (
      !place.required ||
      !namesRecord(place) ||
      place.field.type !== 'string' ||
      suggestions.some((each) => each.field === field)
    )
      continue;
    const value = { '@path': '$.__segment_id' };
    suggestions.push({
      field,
      columns: [key],
      score: IDENTIFIER_SCORE,
      reason: "the model's identifier",
      required: true,
      value,
    });
  }
}

/** A free-form object takes the columns that nothing else takes. */
function addRest(fields: readonly FieldInfo[], suggestions: Suggestion[], columns: readonly Column[]): void {
  const open = fields.filter(
    ({ name, label, type, properties, additionalProperties }) =>
      type === 'object' &&
      !STEERING_OBJECT.test(`${name} ${label}`) &&
      OPEN_OBJECT.test(`${name} ${label}`) &&
      (properties === undefined || properties.length === 0 || additionalProperties === true) &&
      !suggestions.some(({ field }) => field === name || field.startsWith(`${name}.`)),
  );
  const [field] = [...open.filter(({ required }) => required), ...open];
  const used = new Set(suggestions.flatMap((suggestion) => suggestion.columns));
  // Alone in its action, it takes the whole row, also what has another place.
  const rest = columns.filter(({ name }) => !used.has(name) || (field?.required === true && suggestions.length === 0));
  if (field === undefined || rest.length === 0) return;
  suggestions.push({
    field: field.name,
    columns: rest.map(({ name }) => name),
    score: REST_SCORE,
    reason: 'takes the columns that fit nowhere else',
    required: field.required,
    value: Object.fromEntries(rest.map(({ name }) => [name, { '@path': `$.properties.${name}` }])),
  });
}

function assembled(suggestions: readonly Suggestion[]): JsonObject {
  const fields: JsonObject = {};
  for (const { field, value } of suggestions) {
    const path = field.split('.');
    let target = fields;
    for (const step of path.slice(0, -1)) target = (target[step] ??= {}) as JsonObject;
    target[path.at(-1) ?? field] = value;
  }
  return fields;
}

function round(score: number): number {
  return Math.round(Math.min(1, score) * 100) / 100;
}
