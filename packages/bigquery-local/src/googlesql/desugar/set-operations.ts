// UNION ALL BY NAME, in the older word that the analyser knows: CORRESPONDING.
import { invalidQuery } from '../analyzer/analyzer-error.ts';
import { edited, type RewrittenText } from './rewritten-text.ts';
import { follows, placeOf, type Token } from './tokens.ts';

/**
 * What stands for BY NAME without a mode, for which both inputs must have the same columns: with those of
 * both inputs, or with those that both have. Where the columns are the same, so are the two.
 */
export type StrictAs = 'FULL' | 'INNER';

/** `strict`: whether a set operation is BY NAME without a mode. */
export function byNameRewritten(
  sql: string,
  tokens: readonly Token[],
  strictAs: StrictAs,
): RewrittenText & { readonly strict: boolean } {
  const edits: { start: number; end: number; text: string }[] = [];
  let strict = false;
  tokens.forEach((token, i) => {
    if (token.kind !== 'word' || !['UNION', 'INTERSECT', 'EXCEPT'].includes(token.upper)) return;
    const at = i + 2;
    if (!follows(tokens, at, 'BY', 'NAME') || !(follows(tokens, i + 1, 'ALL') || follows(tokens, i + 1, 'DISTINCT')))
      return;
    if (follows(tokens, at + 2, 'ON', '('))
      throw invalidQuery(`BY NAME ON is not supported by the local BigQuery at [${placeOf(sql, tokens[at]!.start)}]`);
    const before = tokens[follows(tokens, i - 1, 'OUTER') ? i - 2 : i - 1];
    const mode = before?.kind === 'word' ? before.upper : '';
    if (mode === 'INNER') edits.push({ start: before!.start, end: before!.end, text: '     ' });
    else if (mode !== 'LEFT' && mode !== 'FULL') {
      strict = true;
      if (strictAs === 'FULL') edits.push({ start: token.start, end: token.start, text: 'FULL OUTER ' });
    }
    edits.push({ start: tokens[at]!.start, end: tokens[at + 1]!.end, text: 'CORRESPONDING' });
  });
  return { ...edited(sql, edits), strict };
}
