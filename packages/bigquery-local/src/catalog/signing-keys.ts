// The secret that signs access tokens: 32 random bytes in the data directory, mode 0600,
// made by whoever needs it first (server or command line) and never changed after.
import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const KEY_BYTES = 32;

/** Throws when the file exists but does not hold a key: a new key would silently end every session. */
export function loadSigningKey(dataDir: string): Uint8Array {
  const file = join(dataDir, 'token-signing.key');
  const key = readKey(file) ?? createKey(dataDir, file);
  if (key.length !== KEY_BYTES) {
    throw new Error(
      `${file} does not hold a key of ${KEY_BYTES} bytes. Delete it to get a new one; tokens issued so far end.`,
    );
  }
  return key;
}

function readKey(file: string): Uint8Array | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A link of a whole file, so that two processes that start at once agree on one key. */
function createKey(dataDir: string, file: string): Uint8Array {
  mkdirSync(dataDir, { recursive: true });
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, randomBytes(KEY_BYTES), { mode: 0o600, flag: 'wx', flush: true });
  chmodSync(draft, 0o600);
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  return readFileSync(file);
}
