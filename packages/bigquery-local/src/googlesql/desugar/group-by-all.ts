// GROUP BY ALL as the positions of the SELECT list's items that hold no aggregate and no window
// function. Source: "GROUP BY ALL" of BigQuery's query syntax.
import { invalidQuery } from '../analyzer/analyzer-error.ts';
import { aggregateFunctions } from '../functions/index.ts';
import { edited, type RewrittenText } from './rewritten-text.ts';
import { follows, placeOf, type Token } from './tokens.ts';

const CONSTANTS = new Set(['NULL', 'TRUE', 'FALSE']);

export function groupByAllRewritten(sql: string, tokens: readonly Token[]): RewrittenText {
  const edits: { start: number; end: number; text: string }[] = [];
  const depths = depthsOf(tokens);
  tokens.forEach((token, i) => {
    if (token.upper !== 'GROUP' || !follows(tokens, i, 'GROUP', 'BY', 'ALL')) return;
    const items = selectItems(sql, tokens, depths, i);
    if (items === undefined) return;
    const keys = items.flatMap((item, n) => (isKey(sql, item) ? [n + 1] : []));
    const text = keys.length === 0 ? '' : `GROUP BY ${keys.join(', ')}`;
    edits.push({ start: token.start, end: tokens[i + 2]!.end, text });
  });
  return edited(sql, edits);
}

function depthsOf(tokens: readonly Token[]): number[] {
  let depth = 0;
  return tokens.map(({ text, kind }) => {
    if (kind === 'symbol' && (text === ')' || text === ']')) depth -= 1;
    const own = depth;
    if (kind === 'symbol' && (text === '(' || text === '[')) depth += 1;
    return own;
  });
}

/** The items of the SELECT that a clause at `at` belongs to. */
function selectItems(
  sql: string,
  tokens: readonly Token[],
  depths: readonly number[],
  at: number,
): readonly (readonly Token[])[] | undefined {
  const depth = depths[at]!;
  let start = at - 1;
  for (; start >= 0; start--) {
    if (depths[start]! < depth) return undefined;
    if (depths[start] === depth && tokens[start]!.upper === 'SELECT') break;
  }
  if (start < 0) return undefined;
  start += 1;
  if (follows(tokens, start, 'ALL') || follows(tokens, start, 'DISTINCT')) start += 1;
  if (follows(tokens, start, 'AS', 'STRUCT') || follows(tokens, start, 'AS', 'VALUE')) start += 2;
  const items: Token[][] = [[]];
  for (let i = start; i < at; i++) {
    const token = tokens[i]!;
    if (depths[i] === depth && token.kind === 'word' && token.upper === 'FROM') break;
    // Between the signs of ARRAY<…> and STRUCT<…> stand commas, too, but never a bare one of the list.
    if (depths[i] === depth && token.text === ',' && !insideType(items.at(-1)!)) items.push([]);
    else items.at(-1)!.push(token);
  }
  const given = items.filter((item) => item.length > 0);
  for (const item of given) {
    const star = item.find(({ text }, i) => text === '*' && (i === 0 || item[i - 1]!.text === '.'));
    if (star !== undefined)
      throw invalidQuery(
        `GROUP BY ALL with * in the SELECT list is not supported by the local BigQuery at [${placeOf(sql, star.start)}]`,
      );
  }
  return given;
}

/** Whether an item's tokens so far have an open `<` of a type. */
function insideType(item: readonly Token[]): boolean {
  let open = 0;
  item.forEach(({ text }, i) => {
    if (text === '<' && ['ARRAY', 'STRUCT', 'RANGE'].includes(item[i - 1]?.upper ?? '')) open += 1;
    else if (open > 0 && text === '<') open += 1;
    else if (open > 0 && text === '>') open -= 1;
    else if (open > 0 && text === '>>') open -= 2;
  });
  return open > 0;
}

function isKey(_sql: string, item: readonly Token[]): boolean {
  let hidden = 0;
  const parens: boolean[] = [];
  let names = 0;
  for (const [i, token] of item.entries()) {
    if (token.text === '(' && token.kind === 'symbol') {
      const subquery = ['SELECT', 'WITH', 'FROM'].includes(item[i + 1]?.upper ?? '') && item[i + 1]?.kind === 'word';
      parens.push(subquery);
      if (subquery) hidden += 1;
    } else if (token.text === ')' && token.kind === 'symbol') {
      if (parens.pop() === true) hidden -= 1;
    } else if (token.kind === 'word' || token.kind === 'quoted') {
      if (hidden > 0 || !CONSTANTS.has(token.upper)) names += 1;
      if (hidden > 0) continue;
      if (token.upper === 'OVER' && ['(', undefined].includes(item[i + 1]?.text)) return false;
      const called = item[i + 1]?.text === '(' && (i === 0 || item[i - 1]!.text !== '.' || isNamespace(item, i));
      if (called && aggregateFunctions.has(functionName(item, i))) return false;
      if (token.upper === 'OVER') return false;
    }
  }
  // What is constant is the same for all groups; the analyser refuses to group by it.
  return names > (hasAlias(item) ? 1 : 0);
}

/** `SAFE.SUM(x)`, `HLL_COUNT.INIT(x)`. */
function isNamespace(item: readonly Token[], i: number): boolean {
  return ['SAFE', 'HLL_COUNT', 'NET', 'KEYS', 'AEAD'].includes(item[i - 2]?.upper ?? '');
}

function functionName(item: readonly Token[], i: number): string {
  const own = item[i]!.text.replaceAll('`', '').toLowerCase();
  const before = item[i - 1]?.text === '.' ? item[i - 2]?.text.toLowerCase() : undefined;
  return before === undefined || before === 'safe' ? own : `${before}.${own}`;
}

function hasAlias(item: readonly Token[]): boolean {
  return item.length > 2 && item.at(-2)!.upper === 'AS';
}
