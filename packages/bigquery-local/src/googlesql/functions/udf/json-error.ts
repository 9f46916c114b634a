// What is wrong with a text that is no JSON, in the words of the parser behind GoogleSQL's JSON functions.
// Source: the error messages of nlohmann/json (github.com/nlohmann/json), as BigQuery shows them.

/** What stands at a position: a token, or why it is none with what was read of it. */
export function unexpected(text: string, at: number, lastStart: number): { found: string; isToken: boolean } {
  const token = (found: string): { found: string; isToken: boolean } => ({
    found: `unexpected ${found}`,
    isToken: true,
  });
  const broken = (reason: string, read: string): { found: string; isToken: boolean } => ({
    found: `${reason}; last read: '${shown(read)}'`,
    isToken: false,
  });
  const rest = text.slice(at);
  if (rest === '') return token('end of input');
  const first = rest[0]!;
  if ('{}[],:'.includes(first)) return token(`'${first}'`);
  const word = ['true', 'false', 'null'].find((name) => name[0] === first);
  if (word !== undefined) {
    if (rest.startsWith(word)) return token(`${word} literal`);
    let length = 1;
    while (length < rest.length && rest[length] === word[length]) length++;
    return broken('invalid literal', rest.slice(0, length + 1));
  }
  if (first === '"') return brokenString(rest) === undefined ? token('string literal') : broken(...brokenString(rest)!);
  if (/[-0-9]/.test(first)) {
    const read = /^-?(?:(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][+-]?)?)?/.exec(rest)![0];
    const last = /[-.eE+]$/.exec(read)?.[0];
    if (last === undefined) return token('number literal');
    const wanted = /[eE]/.test(last)
      ? "'+', '-', or digit after exponent"
      : /[eE][+-]$/.test(read)
        ? 'digit after exponent sign'
        : `digit after '${last}'`;
    return broken(`invalid number; expected ${wanted}`, rest.slice(0, read.length + 1));
  }
  return broken('invalid literal', text.slice(lastStart, at + 1));
}

/** Why a string is none, and what was read of it. */
function brokenString(text: string): [reason: string, read: string] | undefined {
  for (let i = 1; i < text.length; i++) {
    const c = text[i]!;
    if (c === '"') return undefined;
    if (c < ' ') {
      const code = c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
      const escape =
        (
          { '\b': ' or \\b', '\t': ' or \\t', '\n': ' or \\n', '\f': ' or \\f', '\r': ' or \\r' } as Record<
            string,
            string
          >
        )[c] ?? '';
      return [
        `invalid string: control character U+${code} (${CONTROL_NAMES[c.charCodeAt(0)]}) must be escaped to \\u${code}${escape}`,
        text.slice(0, i + 1),
      ];
    }
    if (c !== '\\') continue;
    const next = text[++i] ?? '';
    if (next === 'u' && !/^[0-9a-fA-F]{4}/.test(text.slice(i + 1, i + 5))) {
      const digits = /^[0-9a-fA-F]*/.exec(text.slice(i + 1, i + 5))![0].length;
      return ["invalid string: '\\u' must be followed by 4 hex digits", text.slice(0, i + digits + 2)];
    }
    if (next !== '' && !'"\\/bfnrtu'.includes(next))
      return ['invalid string: forbidden character after backslash', text.slice(0, i + 1)];
  }
  return ['invalid string: missing closing quote', text];
}

const CONTROL_NAMES =
  'NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US'.split(
    ' ',
  );

/** At most 200 characters, those that cannot be seen by their code. */
function shown(read: string): string {
  return read
    .slice(0, 200)
    .replaceAll(/\p{Cc}/gu, (c) => `<U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}>`);
}
