// Numbers in the engine's messages, written as the command line writes them.

/** `1,234,567` */
export function figure(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1,200 records`, `1 record` */
export function countOf(value: number, noun: string): string {
  return `${figure(value)} ${noun}${value === 1 ? '' : 's'}`;
}
