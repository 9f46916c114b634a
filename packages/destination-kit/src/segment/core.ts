// The one copy of `@segment/actions-core` in this process. The definitions of
// `@segment/action-destinations` are CommonJS and test `error instanceof HTTPError`, so
// the classes must come from the CommonJS build that they load too; the ES build cannot
// be imported in Node at all. Only what Sluice uses is typed here.
import { createRequire } from 'node:module';
import type { JsonObject } from '@sluice/core';

export type JsonSchema = {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly [keyword: string]: unknown;
};

type SegmentCore = {
  readonly HTTPError: new (response: unknown, request: unknown, options: unknown) => Error;
  readonly MultiStatusResponse: new () => MultiStatusResponse;
  readonly RequestTimeoutError: new (message?: string) => Error;
  readonly RetryableError: new (message?: string, status?: number) => Error;
  readonly InvalidAuthenticationError: new (message?: string) => Error;
  get(value: unknown, path: string): unknown;
  getErrorCodeFromHttpStatus(status: number): string;
  resolveAudienceMembership(event: unknown, syncMode: string | undefined): boolean | undefined;
  fieldsToJsonSchema(fields: Readonly<Record<string, unknown>>): JsonSchema;
  validateSchema(
    payload: unknown,
    schema: JsonSchema,
    options: { readonly schemaKey: string; readonly throwIfInvalid?: boolean; readonly exempt?: readonly string[] },
  ): boolean;
};

/** What `performBatch` returns when the destination answers row by row. */
export type MultiStatusResponse = {
  length(): number;
  getResponseAtIndex(index: number): { value(): unknown } | undefined;
  pushSuccessResponse(response: { status: number; sent: unknown; body: unknown }): void;
  pushErrorResponse(response: { status: number; errormessage: string; sent?: unknown; body?: unknown }): void;
};

type MappingKit = {
  transform(mapping: JsonObject, event: unknown): unknown;
};

const require = createRequire(import.meta.url);

export const segmentCore = require('@segment/actions-core') as SegmentCore;
export const mappingKit = require('@segment/actions-core/mapping-kit') as MappingKit;
const mappingValidation = require('@segment/actions-core/mapping-kit/validate') as {
  readonly default: (mapping: unknown) => void;
};

/** Throws with the place inside the mapping when a directive is malformed. */
export function validateDirectives(mapping: unknown): void {
  mappingValidation.default(mapping);
}
