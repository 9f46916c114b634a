// A method of the Cloud Storage JSON API as data.
import type { FastifyReply } from 'fastify';
import type { Readable } from 'node:stream';
import type { RequestContext } from '../route.ts';

export type StorageRequest = {
  readonly context: RequestContext;
  /** The parsed JSON body of a method that takes one; {} for the others. */
  readonly json: Readonly<Record<string, unknown>>;
  /** The body of an upload, not yet read. */
  readonly raw: Readable;
  readonly reply: FastifyReply;
};

export type StorageRoute = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Behind `/storage/v1`, which some clients leave out; whole for an upload or a download. */
  readonly path: string;
  /** `storage.objects.get`: the name in Google's API. */
  readonly operation: string;
  readonly kind?: 'upload' | 'download';
  /** Sign-in is enough (testIamPermissions). */
  readonly signedIn?: true;
  /** Answers JSON, nothing (204), or the reply that it sent itself. */
  handle(request: StorageRequest): unknown;
};
