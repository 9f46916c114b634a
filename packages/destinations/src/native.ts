// The destinations that are written here, in the order in which they are listed.
import type { DestinationEntry } from './entry.ts';
import { fileEntry } from './file/entry.ts';
import { postgresEntry } from './postgresql/entry.ts';
import { redisEntry } from './redis/entry.ts';

export function nativeEntries(baseDirectory: string): readonly DestinationEntry[] {
  return [fileEntry(baseDirectory), postgresEntry, redisEntry];
}
