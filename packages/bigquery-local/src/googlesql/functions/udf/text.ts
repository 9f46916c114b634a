// String functions that DuckDB lacks or has with another meaning. They work on Unicode code points.

export function reverse(text: string): string {
  return Array.from(text).toReversed().join('');
}

/** First letter of each word in upper case, all others lower; words are what lies between the delimiters. */
export function initcap(text: string, delimiters: string): string {
  const separators = new Set(Array.from(delimiters));
  let start = true;
  let result = '';
  for (const c of text) {
    if (separators.has(c)) {
      start = true;
      result += c;
    } else {
      result += start ? single(c, c.toUpperCase()) : single(c, c.toLowerCase());
      start = false;
    }
  }
  return result;
}

/** Case mapping letter by letter: a letter that would become several stays, save Greek ones with a iota below. */
function single(letter: string, mapped: string): string {
  if (Array.from(mapped).length === 1) return mapped;
  if (/[\u1f80-\u1faf]/.test(letter)) return String.fromCharCode(letter.charCodeAt(0) | 8);
  return /[\u1fb3\u1fc3\u1ff3]/.test(letter) ? String.fromCharCode(letter.charCodeAt(0) + 9) : letter;
}

export function translate(text: string, source: string, target: string): string {
  const to = Array.from(target);
  const map = new Map<string, string>();
  for (const [i, c] of Array.from(source).entries()) {
    if (map.has(c)) throw new Error('Duplicate character "' + c + '" in TRANSLATE source characters');
    map.set(c, to[i] ?? '');
  }
  return Array.from(text, (c) => map.get(c) ?? c).join('');
}

/** 1-based position of the n-th occurrence from `position` on; a negative position searches backwards from the end. */
export function instr(text: string, search: string, position: string, occurrence: string): string {
  const [at, nth] = [Number(position), Number(occurrence)];
  if (at === 0) throw new Error('Position must be non-zero');
  if (nth < 1) throw new Error('Occurrence must be positive');
  const [points, wanted] = [Array.from(text), Array.from(search)];
  if (Math.abs(at) > points.length + (wanted.length === 0 ? 1 : 0)) return '0';
  const matches = (i: number): boolean => wanted.every((c, k) => points[i + k] === c);
  let left = nth;
  if (at > 0) {
    for (let i = at - 1; i + wanted.length <= points.length; i++) if (matches(i) && --left === 0) return String(i + 1);
  } else {
    // An empty text is also found behind the last character.
    const last = wanted.length === 0 ? points.length + at + 1 : points.length + at;
    for (let i = Math.min(last, points.length - wanted.length); i >= 0; i--)
      if (matches(i) && --left === 0) return String(i + 1);
  }
  return '0';
}

export function upper(text: string): string {
  return text.toUpperCase();
}

export function lower(text: string): string {
  return text.toLowerCase();
}

export function normalize(text: string, form: string): string {
  return text.normalize(form);
}

/** Unicode's full case folding of one letter. */
function foldedLetter(letter: string): string {
  if (letter === 'ı') return letter;
  if (letter === 'ẞ') return 'ss';
  if (letter === 'ς') return 'σ';
  // Cherokee folds to its capitals.
  if (/[\u13a0-\u13fd\uab70-\uabbf]/.test(letter)) return letter.toUpperCase();
  return letter.toUpperCase().toLowerCase().replaceAll('ς', 'σ');
}

export function normalizeAndCasefold(text: string, form: string): string {
  return Array.from(text.normalize(form), foldedLetter).join('');
}

export function containsSubstr(text: string, search: string): string {
  return String(normalizeAndCasefold(text, 'NFKC').includes(normalizeAndCasefold(search, 'NFKC')));
}

const SOUNDEX: Readonly<Record<string, string>> = {
  B: '1',
  F: '1',
  P: '1',
  V: '1',
  C: '2',
  G: '2',
  J: '2',
  K: '2',
  Q: '2',
  S: '2',
  X: '2',
  Z: '2',
  D: '3',
  T: '3',
  L: '4',
  M: '5',
  N: '5',
  R: '6',
};

/** Four characters: the first letter as it is and three digits; letters of one code in a row count once. Other characters than A to Z are skipped. */
export function soundex(text: string): string {
  let result = '';
  let last = '';
  for (const c of text) {
    if (!/[A-Za-z]/.test(c)) continue;
    const letter = c.toUpperCase();
    const code = SOUNDEX[letter] ?? '';
    if (result === '') result = c;
    else if (code !== '' && code !== last) result += code;
    if (code !== '') last = code;
    if (result.length === 4) break;
  }
  return result === '' ? '' : result.padEnd(4, '0');
}

/** ARRAY_TO_STRING: NULLs are left out. */
export function join(items: readonly (string | null)[], delimiter: string): string {
  return items.filter((item) => item !== null).join(delimiter);
}
