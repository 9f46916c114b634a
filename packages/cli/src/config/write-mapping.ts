// Adds a mapping to sluice.yaml. Promise: the rest of the file keeps its text, comments
// included; the file is replaced whole; nothing is written when the result would not be valid.
import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '@sluice/core';
import type { JsonObject } from '@sluice/core';
import { Document, isMap, parseDocument } from 'yaml';
import { CONFIG_FILE, Project, shownPath } from './project.ts';
import type { LoadOptions } from './project.ts';

/** Throws an AppError `MAPPING_EXISTS`, or what loading the result reports. */
export async function writeMapping(options: LoadOptions, name: string, entry: JsonObject): Promise<void> {
  const file = path.join(options.directory, CONFIG_FILE);
  const shown = shownPath(options.cwd, file);
  const text = withMappingText(await readFile(file, 'utf8'), name, entry, shown);
  Project.parse(options, shown, text);
  const fresh = `${file}.${randomUUID()}`;
  try {
    const { mode } = await stat(file);
    await writeFile(fresh, text, { flag: 'wx', mode: mode & 0o777 });
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    throw new AppError(`${shown} cannot be written (${code})`, {
      code: 'CANNOT_WRITE',
      kind: 'invalid',
      where: shown,
      fix: 'Make the file writable, or add the mapping by hand.',
    });
  }
}

/** The mapping as it would stand in sluice.yaml. */
export function mappingYaml(name: string, entry: JsonObject): string {
  return new Document({ mappings: { [name]: entry } }).toString({ lineWidth: 100 });
}

/** The text with the mapping behind all others. What stands before and after keeps every character. */
export function withMappingText(text: string, name: string, entry: JsonObject, shown: string): string {
  const document = parseDocument(text);
  const mappings: unknown = document.get('mappings', true);
  if (isMap(mappings) && mappings.has(name)) {
    throw new AppError(`there is a mapping "${name}" already`, {
      code: 'MAPPING_EXISTS',
      kind: 'invalid',
      where: shown,
      fix: 'Choose another name: --name NAME',
    });
  }
  const block = mappingYaml(name, entry)
    .split('\n')
    .slice(1)
    .filter((line) => line !== '');
  if (!isMap(mappings) || mappings.flow === true || mappings.items.length === 0) {
    if (mappings === undefined || mappings === null) {
      return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}\n${['mappings:', ...block].join('\n')}\n`;
    }
    // `mappings: {}` and the like: written anew.
    if (isMap(mappings)) mappings.flow = false;
    else document.set('mappings', document.createNode({}));
    document.setIn(['mappings', name], document.createNode(entry));
    return document.toString({ lineWidth: 100 });
  }
  const range = mappings.range;
  if (range === undefined || range === null) throw new TypeError('a parsed map has a range');
  const first = mappings.items[0]?.key as { readonly range?: readonly [number, number, number] };
  const start = first.range?.[0] ?? 0;
  const indent = start - (text.lastIndexOf('\n', start - 1) + 1);
  const lines = block.map((line) => `${' '.repeat(indent)}${line.slice(2)}`);
  // The end of the last value; comments and blank lines behind it belong to what follows.
  const before = text.slice(0, range[1]).trimEnd();
  const after = text.slice(before.length);
  const rest = after.startsWith('\n') || after === '' ? after.slice(1) : after.replace(/^[^\n]*\n?/, '');
  const tail = after.startsWith('\n') || after === '' ? '' : (/^[^\n]*/.exec(after)?.[0] ?? '');
  return `${before}${tail}\n${lines.join('\n')}\n${rest}`;
}
