const MAX_RETRY_AFTER_MS = 3_600_000;

/** RFC 9110, section 10.2.3: seconds or an HTTP date. At most one hour. */
export function parseRetryAfter(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined;
  const text = value.trim();
  const waitMs = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  if (Number.isNaN(waitMs)) return undefined;
  return Math.min(Math.max(0, Math.ceil(waitMs)), MAX_RETRY_AFTER_MS);
}
