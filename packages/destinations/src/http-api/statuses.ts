// Lists of statuses as a user types them: `200-299,409`.

export type Statuses = readonly (readonly [from: number, to: number])[];

/** Undefined when the text is no list of statuses from 100 to 599. An empty text is an empty list. */
export function statusesOf(text: string): Statuses | undefined {
  const list: [number, number][] = [];
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const [, from = '', to = from] = /^(\d{3})(?:\s*-\s*(\d{3}))?$/.exec(part) ?? [];
    const range: [number, number] = [Number(from), Number(to)];
    if (from === '' || range[0] < 100 || range[1] > 599 || range[0] > range[1]) return undefined;
    list.push(range);
  }
  return list;
}

export function includesStatus(statuses: Statuses, status: number): boolean {
  return statuses.some(([from, to]) => status >= from && status <= to);
}
