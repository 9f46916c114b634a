// What a column hands to the record batch: nodes and buffers in the order of Arrow's
// "Recordbatch message", whose bytes are written only once their place is known.

/** Bytes that are written into their place in the body. */
export type Part = {
  readonly byteLength: number;
  writeTo(target: Uint8Array, at: number): void;
};

export const NO_BYTES: Part = { byteLength: 0, writeTo: () => undefined };

export function bytesPart(bytes: Uint8Array): Part {
  return { byteLength: bytes.byteLength, writeTo: (target, at) => target.set(bytes, at) };
}

/** Collects the nodes and buffers of all columns. */
export class Layout {
  readonly nodes: { readonly length: number; readonly nullCount: number }[] = [];
  readonly buffers: Part[] = [];
}
