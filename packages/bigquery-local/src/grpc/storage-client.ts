// For tests: Google's client of the Storage Read API against a server under test. Without
// TLS gRPC sends no call credentials, so the token goes as a header of each call.
import { BigQueryReadClient } from '@google-cloud/bigquery-storage';
import { credentials } from '@grpc/grpc-js';
import { OAuth2Client } from 'google-auth-library';
import { RecordBatchReader, type RecordBatch } from 'apache-arrow';
import type { ServerUnderTest } from '../server-under-test.ts';

/* oxlint-disable typescript/no-explicit-any -- messages of any shape */

export class StorageClient implements AsyncDisposable {
  readonly #server: ServerUnderTest;
  readonly client: BigQueryReadClient;

  constructor(server: ServerUnderTest) {
    this.#server = server;
    const [host, port] = server.grpcAddress.split(':');
    this.client = new BigQueryReadClient({
      servicePath: host!,
      port: Number(port),
      sslCreds: credentials.createInsecure(),
      projectId: 'unused',
      // Without one it looks for credentials of this machine.
      authClient: new OAuth2Client() as never,
    });
  }

  async headers(as: string): Promise<object> {
    return {
      otherArgs: { headers: { authorization: `Bearer ${await this.#server.token(as)}` } },
      retry: null,
      retryRequestOptions: { retries: 0, noResponseRetries: 0 },
    };
  }

  async createReadSession(as: string, request: object): Promise<any> {
    const [session] = await this.client.createReadSession(request, await this.headers(as));
    return session;
  }

  async split(as: string, name: string, fraction: number): Promise<any> {
    const [answer] = await this.client.splitReadStream({ name, fraction }, await this.headers(as));
    return answer;
  }

  /** All answers of ReadRows. */
  async responses(as: string, readStream: string, offset = 0): Promise<any[]> {
    const call = this.client.readRows({ readStream, offset }, await this.headers(as));
    const responses: any[] = [];
    for await (const response of call as AsyncIterable<any>) responses.push(response);
    return responses;
  }

  /** Rows of a stream as Arrow's record batches. */
  async batches(as: string, session: any, readStream: string, offset = 0): Promise<RecordBatch[]> {
    const responses = await this.responses(as, readStream, offset);
    return responses.flatMap((response) =>
      recordBatches(session.arrowSchema.serializedSchema, response.arrowRecordBatch.serializedRecordBatch),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}

export function recordBatches(schema: Uint8Array, batch: Uint8Array): RecordBatch[] {
  return [...RecordBatchReader.from(Buffer.concat([schema, batch]))];
}
