// For tests: requests to the local Cloud Storage, and what its answers look like.
import { OWNER, type Answer, type ServerUnderTest } from '../../server-under-test.ts';

export const BUCKET = 'test-bucket';

export async function createBucket(server: ServerUnderTest, name = BUCKET, project = 'test-project'): Promise<Answer> {
  return server.request('POST', `/storage/v1/b?project=${project}`, { name });
}

/** By uploadType=media. */
export function put(
  server: ServerUnderTest,
  name: string,
  data: string | Uint8Array,
  options: { as?: string; query?: string; headers?: Record<string, string>; bucket?: string } = {},
): Promise<Answer> {
  const { as, query = '', headers, bucket = BUCKET } = options;
  return server.request(
    'POST',
    `/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(name)}${query}`,
    data,
    { ...(as === undefined ? {} : { as }), headers: { 'content-type': 'text/plain', ...headers } },
  );
}

export function pathOf(name: string, bucket = BUCKET): string {
  return `/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}`;
}

/** The whole object as text; undefined when there is none. */
export async function get(server: ServerUnderTest, name: string, bucket = BUCKET): Promise<string | undefined> {
  const response = await fetch(`${server.url}${pathOf(name, bucket)}?alt=media`, {
    headers: { authorization: `Bearer ${await server.token(OWNER)}` },
  });
  const text = await response.text();
  return response.status === 200 ? text : undefined;
}

/** Replaces the bindings of the bucket's policy. */
export async function setBindings(
  server: ServerUnderTest,
  bindings: readonly { role: string; members: readonly string[] }[],
  bucket = BUCKET,
): Promise<Answer> {
  return server.request('PUT', `/storage/v1/b/${bucket}/iam`, { bindings });
}
