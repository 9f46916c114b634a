// An imported mapping, for people.
import type { JsonObject } from '@sluice/core';
import type { NotCarried } from '@sluice/destinations';
import { writtenLines } from './mapping-suggest.ts';
import { printable } from './style.ts';
import type { Style } from './style.ts';

export function importLines(
  imported: {
    readonly name: string;
    readonly mapping: JsonObject;
    readonly notCarried: readonly NotCarried[];
    readonly problems: readonly { readonly path: string; readonly message: string; readonly fix?: string }[];
    readonly written: boolean;
  },
  style: Style,
): string[] {
  const { name, mapping, notCarried, problems, written } = imported;
  return [
    ...writtenLines(name, mapping, written, style),
    '',
    style.bold('Not carried over'),
    ...notCarried.flatMap(({ what, why, fix }) => [
      `  ${printable(what)}: ${printable(why)}`,
      ...(fix === undefined ? [] : [`    ${style.dim(`fix: ${printable(fix)}`)}`]),
    ]),
    ...(problems.length === 0
      ? []
      : [
          '',
          style.warn('To be mended before a sync'),
          ...problems.flatMap(({ path, message, fix }) => [
            `  ${path}: ${printable(message)}`,
            ...(fix === undefined ? [] : [`    ${style.dim(`fix: ${printable(fix)}`)}`]),
          ]),
        ]),
  ];
}
