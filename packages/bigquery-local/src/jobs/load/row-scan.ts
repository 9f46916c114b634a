// One look at the bytes of a text file before it is loaded: how long its longest row is.
// Nothing is decoded: all characters that matter are single bytes in UTF-8 and ISO-8859-1.
import { BigQueryError } from '../../bigquery-error.ts';

/** "Maximum row size": 100 MB. */
export const MAX_ROW_BYTES = 100 * 1024 * 1024;

const NEWLINE = 0x0a;
const RETURN = 0x0d;

export interface RowScan {
  /** Bytes of the longest row so far, its end included. */
  readonly longest: number;
  /** Throws `invalid` for a row that BigQuery would not take. */
  add(chunk: Uint8Array): void;
  /** The file is over. */
  end(): void;
}

/** Rows that end with a newline, whatever is in them: newline-delimited JSON. */
export class LineRows implements RowScan {
  readonly #name: string;
  #open = 0;
  longest = 0;

  constructor(name: string) {
    this.#name = name;
  }

  add(chunk: Uint8Array): void {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      const length = this.#open + at + 1 - from;
      if (length > this.longest) this.longest = length;
      this.#open = 0;
      from = at + 1;
    }
    this.#open += chunk.length - from;
    if (this.#open > this.longest) this.longest = this.#open;
    if (this.longest > MAX_ROW_BYTES) throw tooLong(this.#name);
  }

  end(): void {
    // A last line without an end has been measured as it came.
  }
}

/** Where the scanner stands within a row. */
const FIELD_START = 0;
const UNQUOTED = 1;
const QUOTED = 2;
const QUOTE_IN_QUOTED = 3;

/** Rows of CSV: a newline within quotes does not end one. */
export class CsvRows implements RowScan {
  readonly #name: string;
  readonly #quote: number;
  readonly #delimiter: number;
  readonly #quoteText: string;
  readonly #allowQuotedNewlines: boolean;
  readonly #allowsNul: boolean;
  #state = FIELD_START;
  #position = 0;
  #rowStart = 0;
  longest = 0;

  constructor(
    name: string,
    csv: {
      readonly delimiter: string;
      readonly quote: string;
      readonly allowQuotedNewlines: boolean;
      readonly preserveAsciiControlCharacters: boolean;
    },
  ) {
    this.#name = name;
    this.#quote = csv.quote === '' ? -1 : csv.quote.charCodeAt(0);
    // Of a delimiter of several bytes the last one: a quote behind it starts a quoted field.
    this.#delimiter = Buffer.from(csv.delimiter).at(-1) ?? 0x2c;
    this.#quoteText = csv.quote;
    this.#allowQuotedNewlines = csv.allowQuotedNewlines;
    this.#allowsNul = csv.preserveAsciiControlCharacters;
  }

  add(chunk: Uint8Array): void {
    const quote = this.#quote;
    const delimiter = this.#delimiter;
    let state = this.#state;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!;
      if (byte === 0 && !this.#allowsNul) throw this.#failure(this.#rowStart, 'Bad character (ASCII 0) encountered.');
      if (state === QUOTED) {
        if (byte === quote) state = QUOTE_IN_QUOTED;
        else if (byte === NEWLINE && !this.#allowQuotedNewlines) throw this.#openQuote();
        continue;
      }
      if (state === QUOTE_IN_QUOTED && byte === quote) {
        state = QUOTED;
      } else if (byte === NEWLINE || byte === RETURN) {
        state = FIELD_START;
        const next = this.#position + i + 1;
        if (next - this.#rowStart > this.longest) this.#measure(next);
        this.#rowStart = next;
      } else if (byte === delimiter) state = FIELD_START;
      else if (state === FIELD_START && byte === quote) state = QUOTED;
      // A byte-order mark stands before the first field.
      else if (state !== QUOTE_IN_QUOTED && (this.#position + i > 2 || byte < 0x80)) state = UNQUOTED;
    }
    this.#state = state;
    this.#position += chunk.length;
    if (this.#position - this.#rowStart > this.longest) this.#measure(this.#position);
  }

  end(): void {
    if (this.#state === QUOTED) throw this.#openQuote();
  }

  #measure(end: number): void {
    this.longest = end - this.#rowStart;
    if (this.longest > MAX_ROW_BYTES) throw tooLong(this.#name);
  }

  #openQuote(): BigQueryError {
    return this.#failure(this.#rowStart, `Missing close quote (${this.#quoteText}) character.`);
  }

  #failure(position: number, what: string): BigQueryError {
    return new BigQueryError(
      'invalid',
      `Error while reading data, error message: Error detected while parsing row starting at position: ${position}. Error: ${what} File: ${this.#name}`,
    );
  }
}

function tooLong(name: string): BigQueryError {
  return new BigQueryError(
    'invalid',
    `Error while reading data, error message: Row size is larger than: ${MAX_ROW_BYTES}. File: ${name}`,
  );
}
