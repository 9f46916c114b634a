/** An answer whose JSON text is ready: a page of rows is not built as objects and serialised twice. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** `properties` as an object, with the JSON text `rows` under the key `rows` at its end. */
  static withRows(properties: Readonly<Record<string, unknown>>, rows: string): JsonText {
    const head = JSON.stringify(properties);
    return new JsonText(`${head.slice(0, -1)}${head === '{}' ? '' : ','}"rows":${rows}}`);
  }
}
