// For tests: a data directory with one project, one service account and its key, and
// JWTs signed by it, well and badly.
import { createHmac, createPrivateKey, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { CatalogDatabase } from '../catalog/database.ts';
import type { ServiceAccount } from '../catalog/service-accounts.ts';
import { IDENTITY_MIGRATIONS, openIdentity } from './identity.ts';
import type { Identity } from './identity.ts';
import { CATALOG_FILE } from './data-directory.ts';

export type TestKey = { readonly id: string; readonly privateKey: string };
type Part = Readonly<Record<string, unknown>>;

export class TestAccounts implements Disposable {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'sluice-auth-'));
  readonly identity: Identity;
  readonly account: ServiceAccount;
  readonly #db: CatalogDatabase;

  constructor() {
    this.#db = new CatalogDatabase(join(this.dataDir, CATALOG_FILE), IDENTITY_MIGRATIONS);
    this.identity = openIdentity(this.#db, this.dataDir);
    this.identity.projects.create({ projectId: 'shop-data' }, 'owner@example.com', new Date());
    this.account = this.newAccount('sync-robot');
  }

  newAccount(accountId: string): ServiceAccount {
    return this.identity.serviceAccounts.create('shop-data', { accountId }, new Date());
  }

  async newKey(account = this.account): Promise<TestKey> {
    const { key, privateKey } = await this.identity.serviceAccounts.createKey(account.email, new Date());
    return { id: key.id, privateKey };
  }

  [Symbol.dispose](): void {
    this.#db[Symbol.dispose]();
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}

const encode = (part: Part) => Buffer.from(JSON.stringify(part)).toString('base64url');

/** RS256 whatever the header says. */
export function signedJwt(privateKey: string, claims: Part, header: Part = { alg: 'RS256' }): string {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${sign('sha256', Buffer.from(text), createPrivateKey(privateKey)).toString('base64url')}`;
}

export function hmacJwt(secret: string | Uint8Array, claims: Part, header: Part = { alg: 'HS256' }): string {
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

export function unsignedJwt(claims: Part, header: Part = { alg: 'none' }): string {
  return `${encode(header)}.${encode(claims)}.`;
}
