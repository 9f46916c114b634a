// Test-only: ZetaSQL's reference evaluator as the judge of what GoogleSQL means. It runs in a process of its own,
// because some requests make it abort, and never beside the analyser that answers queries.
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import path from 'node:path';
import { languageFeatures, REWRITES } from '../analyzer/language.ts';
import { ZetaSqlProcess, zetasqlDirectory } from '../analyzer/process.ts';
import { typeToProto } from '../analyzer/type-proto.ts';
import { literalOf } from '../resolve/value.ts';
import type { GType, Value } from '../types.ts';
import { floatText, intervalText, timestampSecondsText } from '../values/text.ts';

type Message = Readonly<Record<string, unknown>>;
type Method = (
  request: Message,
  options: { deadline: number },
  callback: (error: Error | null, response?: Message) => void,
) => void;

const TIMEOUT_MS = 20_000;

export class Oracle implements AsyncDisposable {
  readonly #process: ZetaSqlProcess;
  readonly #client: grpc.Client;
  #language: Message = {};

  private constructor(process: ZetaSqlProcess, client: grpc.Client) {
    this.#process = process;
    this.#client = client;
  }

  static async start(): Promise<Oracle> {
    const process = await ZetaSqlProcess.start();
    const definition = grpc.loadPackageDefinition(
      loadSync('local_service.proto', {
        includeDirs: [path.join(zetasqlDirectory(), 'protos')],
        keepCase: false,
        longs: String,
        enums: String,
        oneofs: true,
      }),
    ) as unknown as { zetasql: { local_service: { ZetaSqlLocalService: new (...args: unknown[]) => grpc.Client } } };
    const service = definition.zetasql.local_service.ZetaSqlLocalService;
    const oracle = new Oracle(process, new service(process.address, grpc.credentials.createInsecure(), {}));
    const maximum = await oracle.#call('GetLanguageOptions', { maximumFeatures: true });
    oracle.#language = {
      ...maximum,
      productMode: 'PRODUCT_EXTERNAL',
      supportedStatementKinds: [],
      enabledLanguageFeatures: languageFeatures((maximum['enabledLanguageFeatures'] ?? []) as string[]),
    };
    return oracle;
  }

  /** Rows of a query over no tables, decoded with the types of its output. Throws with the evaluator's text. */
  async rows(sql: string, types: readonly GType[]): Promise<unknown[][]> {
    const response = await this.#call('EvaluateQuery', {
      sql,
      options: {
        languageOptions: this.#language,
        defaultTimezone: 'UTC',
        errorMessageMode: 'ERROR_MESSAGE_ONE_LINE',
        enabledRewrites: REWRITES,
      },
      simpleCatalog: { name: 'oracle', builtinFunctionOptions: { languageOptions: this.#language } },
    });
    const table = ((response['content'] as Message | undefined)?.['tableData'] as Message | undefined)?.['row'];
    return ((table ?? []) as Message[]).map((row) =>
      ((row['cell'] ?? []) as Message[]).map((cell, i) => {
        const type = types[i];
        if (type === undefined) throw new Error('The evaluator answered with more columns than the analyser found');
        return wireOf(literalOf({ type: typeToProto(type), value: cell }).value, type);
      }),
    );
  }

  async #call(name: string, request: Message): Promise<Message> {
    const method = (this.#client as unknown as Record<string, Method>)[name];
    if (method === undefined) throw new Error(`No call ${name}`);
    return await new Promise((resolve, reject) => {
      method.call(this.#client, request, { deadline: Date.now() + TIMEOUT_MS }, (error, response) => {
        if (error === null) resolve(response ?? {});
        else reject(new Error((error as grpc.ServiceError).details ?? error.message));
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    await this.#process[Symbol.asyncDispose]();
  }
}

/** A typed value as the REST API sends it (`v` of a cell). */
function wireOf(value: Value, type: GType): unknown {
  if (value === null) return type.kind === 'ARRAY' ? [] : null;
  switch (type.kind) {
    case 'ARRAY':
      return (value as readonly Value[]).map((item) => ({ v: wireOf(item, type.element) }));
    case 'STRUCT':
      return { f: (value as readonly Value[]).map((item, i) => ({ v: wireOf(item, type.fields[i]!.type) })) };
    case 'FLOAT64':
      return floatText(value as number);
    case 'BYTES':
      return Buffer.from(value as Uint8Array).toString('base64');
    case 'DATETIME':
      return (value as string).replace(' ', 'T');
    case 'TIMESTAMP':
      return timestampSecondsText(value as bigint);
    case 'INTERVAL': {
      const { months, days, micros } = value as { months: bigint; days: bigint; micros: bigint };
      return intervalText(Number(months), Number(days), micros);
    }
    case 'RANGE': {
      const [start, end] = (value as readonly Value[]).map((bound) =>
        bound === null ? 'UNBOUNDED' : String(wireOf(bound, type.element)),
      );
      return `[${start}, ${end})`;
    }
    default:
      if (typeof value === 'object') throw new Error(`Unexpected value of type ${type.kind}`);
      return String(value);
  }
}
