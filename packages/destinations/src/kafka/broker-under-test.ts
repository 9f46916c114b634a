// A stand-in for one Kafka broker, as far as a producer uses it, for what a real one does not
// show: the settings of each request, and failures on demand. It reads the protocol by its
// published description (https://kafka.apache.org/protocol.html) and offers old versions of
// the requests, which are short.
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

export type ReceivedRecord = {
  readonly partition: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
};

export type ReceivedBatch = {
  readonly acks: number;
  readonly transactionalId: string | null;
  readonly producerId: bigint;
  readonly baseSequence: number;
  readonly records: readonly ReceivedRecord[];
};

const API = { produce: 0, metadata: 3, apiVersions: 18, initProducerId: 22 } as const;
const UNKNOWN_TOPIC = 3;

export class BrokerUnderTest implements AsyncDisposable {
  readonly batches: ReceivedBatch[] = [];
  /** Partitions by topic. */
  readonly topics = new Map<string, number>();
  /** What the next produce requests end with: an error's number, or a broken connection. */
  readonly faults: (number | 'reset' | 'silent')[] = [];
  readonly autocreate: boolean[] = [];
  #nextProducerId = 100n;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
      let buffered = Buffer.alloc(0);
      socket.on('data', (chunk: Buffer) => {
        buffered = Buffer.concat([buffered, chunk]);
        while (buffered.length >= 4 && buffered.length >= 4 + buffered.readInt32BE(0)) {
          const end = 4 + buffered.readInt32BE(0);
          this.#answer(new Cursor(buffered.subarray(4, end)), socket);
          buffered = buffered.subarray(end);
        }
      });
    });
  }

  static async start(): Promise<BrokerUnderTest> {
    const broker = new BrokerUnderTest();
    await new Promise<void>((resolve) => broker.#server.listen(0, '127.0.0.1', resolve));
    return broker;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: Cursor, socket: Socket): void {
    const [api, version, correlation] = [request.int16(), request.int16(), request.int32()];
    request.text();
    const send = (...parts: readonly Buffer[]): void => {
      const body = Buffer.concat([int32(correlation), ...parts]);
      socket.write(Buffer.concat([int32(body.length), body]));
    };
    if (api === API.apiVersions) {
      // No error; a compact array of three numbers each; no throttling.
      const offered = [
        [API.produce, 3],
        [API.metadata, 4],
        [API.apiVersions, 3],
        [API.initProducerId, 1],
      ] as const;
      const entries = offered.map(([key, each]) => Buffer.concat([int16(key), int16(each), int16(each), Buffer.of(0)]));
      return send(int16(version === 3 ? 0 : 35), Buffer.of(offered.length + 1), ...entries, int32(0), Buffer.of(0));
    }
    if (api === API.metadata) return this.#metadata(request, send);
    if (api === API.initProducerId) return send(int32(0), int16(0), int64((this.#nextProducerId += 1n)), int16(0));
    const fault = this.faults.shift();
    if (fault === 'reset') return void socket.destroy();
    if (fault === 'silent') return;
    this.#produce(request, fault ?? 0, send);
  }

  #metadata(request: Cursor, send: (...parts: readonly Buffer[]) => void): void {
    const asked = request.list(() => request.text() ?? '');
    const creates = request.int8() === 1;
    this.autocreate.push(creates);
    for (const topic of asked) if (creates && !this.topics.has(topic)) this.topics.set(topic, 1);
    const topics = asked.map((name) => {
      const partitions = Array.from({ length: this.topics.get(name) ?? 0 }, (_, index) =>
        Buffer.concat([int16(0), int32(index), int32(1), int32(1), int32(1), int32(1), int32(1)]),
      );
      const error = this.topics.has(name) ? 0 : UNKNOWN_TOPIC;
      return Buffer.concat([int16(error), text(name), Buffer.of(0), int32(partitions.length), ...partitions]);
    });
    const broker = Buffer.concat([int32(1), text('127.0.0.1'), int32(this.port), int16(-1)]);
    send(int32(0), int32(1), broker, text('cluster'), int32(1), int32(topics.length), ...topics);
  }

  #produce(request: Cursor, error: number, send: (...parts: readonly Buffer[]) => void): void {
    const transactionalId = request.text();
    const acks = request.int16();
    request.int32();
    const answers = request.list(() => {
      const name = request.text() ?? '';
      const partitions = request.list(() => {
        const partition = request.int32();
        const batch = new Cursor(request.bytes(request.int32()));
        if (error === 0) this.batches.push({ acks, transactionalId, ...readBatch(batch, partition) });
        return Buffer.concat([int32(partition), int16(error), int64(0n), int64(-1n)]);
      });
      return Buffer.concat([text(name), int32(partitions.length), ...partitions]);
    });
    send(int32(answers.length), ...answers, int32(0));
  }
}

/** A record batch of version 2: https://kafka.apache.org/documentation/#recordbatch. */
function readBatch(cursor: Cursor, partition: number): Omit<ReceivedBatch, 'acks' | 'transactionalId'> {
  cursor.bytes(8 + 4 + 4);
  if (cursor.int8() !== 2) throw new Error('the batch is not of version 2');
  cursor.bytes(4 + 2 + 4 + 8 + 8);
  const producerId = cursor.int64();
  cursor.int16();
  const baseSequence = cursor.int32();
  const records = cursor.list(() => {
    cursor.varint();
    cursor.int8();
    cursor.varint();
    cursor.varint();
    const [key, value] = [cursor.varText(), cursor.varText()];
    const headers: Record<string, string> = {};
    for (let left = cursor.varint(); left > 0; left -= 1) headers[cursor.varText() ?? ''] = cursor.varText() ?? '';
    return { partition, key, value, headers };
  });
  return { producerId, baseSequence, records };
}

class Cursor {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  bytes(length: number): Buffer {
    this.#at += length;
    return this.#buffer.subarray(this.#at - length, this.#at);
  }

  int8 = (): number => this.bytes(1).readInt8();
  int16 = (): number => this.bytes(2).readInt16BE();
  int32 = (): number => this.bytes(4).readInt32BE();
  int64 = (): bigint => this.bytes(8).readBigInt64BE();

  text(): string | null {
    const length = this.int16();
    return length < 0 ? null : this.bytes(length).toString();
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, read);
  }

  /** Zigzag. */
  varint(): number {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = BigInt(this.bytes(1).readUInt8());
      value |= (byte & 0x7fn) << shift;
      if ((byte & 0x80n) === 0n) break;
    }
    return Number((value >> 1n) ^ -(value & 1n));
  }

  varText(): string | null {
    const length = this.varint();
    return length < 0 ? null : this.bytes(length).toString();
  }
}

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function int64(value: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(value);
  return buffer;
}

function text(value: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
}
