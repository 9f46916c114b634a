// Values of OPTIONS as GoogleSQL literals: what `option_value` and the texts in `ddl` hold.
export type OptionRow = { readonly name: string; readonly type: string; readonly value: string };

export function stringLiteral(text: string): string {
  return JSON.stringify(text);
}

export function timestampLiteral(ms: number): string {
  return `TIMESTAMP "${new Date(ms).toISOString()}"`;
}

export function floatLiteral(n: number): string {
  return Number.isInteger(n) ? `${n}.0` : String(n);
}

const LABELS = 'ARRAY<STRUCT<STRING, STRING>>';

/** The options that every object has. */
export function describedOptions(properties: {
  readonly description?: string;
  readonly friendlyName?: string;
  readonly labels?: Readonly<Record<string, string>>;
}): OptionRow[] {
  const { description, friendlyName, labels } = properties;
  const pairs = Object.entries(labels ?? {}).map(
    ([key, value]) => `STRUCT(${stringLiteral(key)}, ${stringLiteral(value)})`,
  );
  return [
    ...(description === undefined ? [] : [{ name: 'description', type: 'STRING', value: stringLiteral(description) }]),
    ...(friendlyName === undefined
      ? []
      : [{ name: 'friendly_name', type: 'STRING', value: stringLiteral(friendlyName) }]),
    ...(pairs.length === 0 ? [] : [{ name: 'labels', type: LABELS, value: `[${pairs.join(', ')}]` }]),
  ];
}

/** `OPTIONS(\n  name=value\n)`, empty without options. */
export function optionsClause(options: readonly OptionRow[]): string {
  if (options.length === 0) return '';
  return `\nOPTIONS(\n${options.map(({ name, value }) => `  ${name}=${value}`).join(',\n')}\n)`;
}
