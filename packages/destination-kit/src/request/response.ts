// The answer to one request, in the shape that definitions read: the body is complete
// when they get it, and its text and parsed form may be read any number of times.

export class ClientResponse {
  readonly status: number;
  readonly statusText: string;
  readonly url: string;
  /** With `toJSON()`, which one definition calls. */
  readonly headers: Headers;
  /** The body as text. */
  readonly content: string;
  /** Parsed when the content type is JSON (undefined when it does not parse), else the text. */
  readonly data: unknown;

  constructor(parts: { status: number; statusText: string; url: string; headers: Headers; content: string }) {
    this.status = parts.status;
    this.statusText = parts.statusText;
    this.url = parts.url;
    this.content = parts.content;
    this.headers = withToJson(parts.headers);
    this.data =
      this.headers.get('content-type')?.includes('application/json') === true ? parsed(parts.content) : parts.content;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  async json(): Promise<unknown> {
    return JSON.parse(this.content) as unknown;
  }

  async text(): Promise<string> {
    return this.content;
  }
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content) as unknown;
  } catch {
    return undefined;
  }
}

function withToJson(headers: Headers): Headers {
  Object.defineProperty(headers, 'toJSON', { enumerable: false, value: () => Object.fromEntries(headers) });
  return headers;
}
