// Buckets and objects of Cloud Storage as they are remembered: names, properties, policies
// and which file holds which object's bytes. A row of `storage_object` is what makes an
// object exist; its file is in place before the row is written. Shapes follow the Bucket
// and Object resources of the Cloud Storage JSON API.
import type { Binding, Policy } from '../access/policy.ts';
import type { CatalogDatabase, Migration, Row } from './database.ts';
import { etagOf } from './etag.ts';

export const bucketMigrations: readonly Migration[] = [
  {
    name: 'buckets-1',
    sql: `CREATE TABLE bucket (
      name TEXT PRIMARY KEY, project_id TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,
      created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, metageneration INTEGER NOT NULL,
      location TEXT NOT NULL, properties TEXT NOT NULL, bindings TEXT NOT NULL) STRICT;
      CREATE INDEX bucket_project ON bucket (project_id, name);
      CREATE TABLE storage_object (
      bucket TEXT NOT NULL REFERENCES bucket (name) ON DELETE CASCADE, name TEXT NOT NULL,
      generation INTEGER NOT NULL, metageneration INTEGER NOT NULL, file TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,
      md5 TEXT NOT NULL, crc32c TEXT NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,
      properties TEXT NOT NULL, PRIMARY KEY (bucket, name)) STRICT, WITHOUT ROWID`,
  },
];

export type BucketProperties = {
  readonly storageClass: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly publicAccessPrevention: 'inherited' | 'enforced';
};

export type Bucket = {
  readonly name: string;
  readonly projectId: string;
  readonly location: string;
  readonly createdMs: number;
  readonly updatedMs: number;
  /** Counts the changes of properties and policy. */
  readonly metageneration: number;
  readonly properties: BucketProperties;
  readonly policy: Policy;
  readonly etag: string;
};

/** The fixed-key and custom metadata of an object that its owner sets. */
export type ObjectProperties = {
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly contentDisposition?: string;
  readonly contentLanguage?: string;
  readonly cacheControl?: string;
  readonly customTime?: string;
  readonly storageClass?: string;
  readonly metadata?: Readonly<Record<string, string>>;
};

export type StoredObject = {
  readonly bucket: string;
  readonly name: string;
  /** Microseconds since 1970 when the bytes were written, made unique. */
  readonly generation: number;
  readonly metageneration: number;
  /** Name of the file in the storage directory: random, never made of the object's name. */
  readonly file: string;
  readonly size: number;
  /** Base64. */
  readonly md5: string;
  /** Base64 of the four bytes, big-endian. */
  readonly crc32c: string;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly properties: ObjectProperties;
};

export class Buckets {
  readonly #db: CatalogDatabase;
  /** Decisions compile a policy once per object: the same one until it changes. */
  readonly #cache = new Map<string, Bucket>();
  #lastGeneration: number;

  constructor(db: CatalogDatabase) {
    this.#db = db;
    this.#lastGeneration = Number(db.get('SELECT max(generation) AS last FROM storage_object')?.['last'] ?? 0);
  }

  find(name: string): Bucket | undefined {
    const cached = this.#cache.get(name);
    if (cached !== undefined) return cached;
    const row = this.#db.get('SELECT * FROM bucket WHERE name = ?', name);
    if (row === undefined) return undefined;
    const bucket = bucketOf(row);
    this.#cache.set(name, bucket);
    return bucket;
  }

  /** By name; those after `after`. */
  list(projectId: string, options: { prefix: string; after: string; limit: number }): readonly Bucket[] {
    return this.#db
      .all(
        'SELECT name FROM bucket WHERE project_id = ? AND name > ? AND substr(name, 1, ?) = ? ORDER BY name LIMIT ?',
        projectId,
        options.after,
        options.prefix.length,
        options.prefix,
        options.limit,
      )
      .map((row) => this.find(row['name'] as string)!);
  }

  /** False when the name is taken. */
  create(bucket: Omit<Bucket, 'etag' | 'metageneration' | 'updatedMs'>): boolean {
    const created = this.#db.run(
      'INSERT OR IGNORE INTO bucket VALUES (?, ?, ?, ?, 1, ?, ?, ?)',
      bucket.name,
      bucket.projectId,
      bucket.createdMs,
      bucket.createdMs,
      bucket.location,
      JSON.stringify(bucket.properties),
      JSON.stringify(bucket.policy.bindings),
    );
    return created === 1;
  }

  update(name: string, properties: BucketProperties, now: number): Bucket {
    this.#change('properties', name, JSON.stringify(properties), now);
    return this.find(name)!;
  }

  setPolicy(name: string, bindings: readonly Binding[], now: number): Bucket {
    this.#change('bindings', name, JSON.stringify(bindings), now);
    return this.find(name)!;
  }

  delete(name: string): void {
    this.#cache.delete(name);
    this.#db.run('DELETE FROM bucket WHERE name = ?', name);
  }

  isEmpty(name: string): boolean {
    return this.#db.get('SELECT 1 FROM storage_object WHERE bucket = ? LIMIT 1', name) === undefined;
  }

  /** In every policy: a deleted account keeps its lines under a name that nobody can sign in as. */
  renameMember(member: string, newName: string): void {
    this.#db.transaction(() => {
      for (const row of this.#db.all(
        'SELECT name, bindings FROM bucket WHERE instr(bindings, ?) > 0',
        JSON.stringify(member),
      )) {
        const bindings = (JSON.parse(row['bindings'] as string) as Binding[]).map((binding) => ({
          ...binding,
          members: binding.members.map((name) => (name === member ? newName : name)),
        }));
        this.setPolicy(row['name'] as string, bindings, Date.now());
      }
    });
  }

  object(bucket: string, name: string): StoredObject | undefined {
    const row = this.#db.get('SELECT * FROM storage_object WHERE bucket = ? AND name = ?', bucket, name);
    return row === undefined ? undefined : objectOf(row);
  }

  /** In the order of their names' UTF-8 bytes, from `from` (inclusive) up to `to` (exclusive). */
  objects(bucket: string, from: string, to: string | undefined, limit: number): readonly StoredObject[] {
    return this.#db
      .all(
        'SELECT * FROM storage_object WHERE bucket = ?1 AND name >= ?2 AND (?3 IS NULL OR name < ?3) ORDER BY name LIMIT ?4',
        bucket,
        from,
        to ?? null,
        limit,
      )
      .map(objectOf);
  }

  /** A new generation of an object; replaces the one of this name. */
  putObject(object: Omit<StoredObject, 'generation' | 'metageneration'>): StoredObject {
    const generation = Math.max(object.createdMs * 1000, this.#lastGeneration + 1);
    this.#lastGeneration = generation;
    this.#db.run(
      'INSERT OR REPLACE INTO storage_object VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?)',
      object.bucket,
      object.name,
      generation,
      object.file,
      object.size,
      object.md5,
      object.crc32c,
      object.createdMs,
      object.updatedMs,
      JSON.stringify(object.properties),
    );
    return { ...object, generation, metageneration: 1 };
  }

  updateObject(object: StoredObject, properties: ObjectProperties, now: number): StoredObject {
    this.#db.run(
      'UPDATE storage_object SET properties = ?, metageneration = metageneration + 1, updated_ms = ? WHERE bucket = ? AND name = ?',
      JSON.stringify(properties),
      now,
      object.bucket,
      object.name,
    );
    return { ...object, properties, metageneration: object.metageneration + 1, updatedMs: now };
  }

  deleteObject(object: StoredObject): void {
    this.#db.run('DELETE FROM storage_object WHERE bucket = ? AND name = ?', object.bucket, object.name);
  }

  /** Names of the files that hold an object. */
  files(): ReadonlySet<string> {
    return new Set(this.#db.all('SELECT file FROM storage_object').map((row) => row['file'] as string));
  }

  #change(column: 'properties' | 'bindings', name: string, value: string, now: number): void {
    this.#cache.delete(name);
    this.#db.run(
      `UPDATE bucket SET ${column} = ?, metageneration = metageneration + 1, updated_ms = ? WHERE name = ?`,
      value,
      now,
      name,
    );
  }
}

function bucketOf(row: Row): Bucket {
  const metageneration = Number(row['metageneration']);
  return {
    name: row['name'] as string,
    projectId: row['project_id'] as string,
    location: row['location'] as string,
    createdMs: Number(row['created_ms']),
    updatedMs: Number(row['updated_ms']),
    metageneration,
    properties: JSON.parse(row['properties'] as string) as BucketProperties,
    policy: { bindings: JSON.parse(row['bindings'] as string) as Binding[] },
    // A bucket that is made again under the same name must not bring back an old tag.
    etag: etagOf(row['name'] as string, Number(row['created_ms']), metageneration),
  };
}

function objectOf(row: Row): StoredObject {
  return {
    bucket: row['bucket'] as string,
    name: row['name'] as string,
    generation: Number(row['generation']),
    metageneration: Number(row['metageneration']),
    file: row['file'] as string,
    size: Number(row['size']),
    md5: row['md5'] as string,
    crc32c: row['crc32c'] as string,
    createdMs: Number(row['created_ms']),
    updatedMs: Number(row['updated_ms']),
    properties: JSON.parse(row['properties'] as string) as ObjectProperties,
  };
}
