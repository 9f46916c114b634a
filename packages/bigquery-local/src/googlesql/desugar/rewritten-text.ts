// A text made of parts of another, with the way back: where in the user's text each place of
// the new one comes from, so that errors point there.

/** `at`: where the text stands in the source. Without it the text is made up, for what stands at `near`. */
export type Piece = { readonly text: string; readonly at: number } | { readonly text: string; readonly near: number };

export type RewrittenText = {
  readonly text: string;
  /** The offset in the source of an offset in `text`. */
  sourceOffset(offset: number): number;
};

export function joined(pieces: readonly Piece[]): RewrittenText {
  const starts: number[] = [];
  let length = 0;
  for (const { text } of pieces) {
    starts.push(length);
    length += text.length;
  }
  return {
    text: pieces.map(({ text }) => text).join(''),
    sourceOffset: (offset) => {
      const index = starts.findLastIndex((start) => start <= offset);
      const piece = pieces[index];
      if (piece === undefined) return 0;
      return 'at' in piece ? piece.at + Math.min(offset - starts[index]!, piece.text.length) : piece.near;
    },
  };
}

/** `second` was made from the text of `first`. */
export function composed(first: RewrittenText, second: RewrittenText): RewrittenText {
  return { text: second.text, sourceOffset: (offset) => first.sourceOffset(second.sourceOffset(offset)) };
}

/** The source with parts of it replaced; `edits` are in order and do not overlap. */
export function edited(
  source: string,
  edits: readonly { readonly start: number; readonly end: number; readonly text: string }[],
): RewrittenText {
  const pieces: Piece[] = [];
  let done = 0;
  for (const { start, end, text } of edits) {
    pieces.push({ text: source.slice(done, start), at: done }, { text, near: start });
    done = end;
  }
  pieces.push({ text: source.slice(done), at: done });
  return joined(pieces);
}

const TAB = 8;

/** The offset of a place as the analyser gives it: lines and columns count from 1, a tab goes to the next multiple of 8. */
export function offsetAt(text: string, line: number, column: number): number {
  let offset = 0;
  for (let i = 1; i < line; i++) {
    const next = text.indexOf('\n', offset);
    if (next < 0) return text.length;
    offset = next + 1;
  }
  let at = 1;
  for (const character of text.slice(offset)) {
    if (at >= column || character === '\n') break;
    at = character === '\t' ? (Math.floor((at - 1) / TAB) + 1) * TAB + 1 : at + 1;
    offset += character.length;
  }
  return offset;
}

/** The reverse of `offsetAt`. */
export function placeAt(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  let column = 1;
  for (const character of before.slice(lineStart))
    column = character === '\t' ? (Math.floor((column - 1) / TAB) + 1) * TAB + 1 : column + 1;
  return { line: before.split('\n').length, column };
}
