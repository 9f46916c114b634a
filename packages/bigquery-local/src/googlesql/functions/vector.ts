// COSINE_DISTANCE and EUCLIDEAN_DISTANCE of dense and sparse vectors.
// Source: "Mathematical functions" of the GoogleSQL reference.
import { argument, bind, sqls } from './call.ts';
import type { Call, ScalarFunction } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

/** A call of a typed function on lists of dimensions (none for dense vectors) and magnitudes. */
function distance(name: 'cosine' | 'euclidean'): ScalarFunction {
  return (call: Call) => {
    const type = argument(call, 0).type;
    if (type.kind !== 'ARRAY') throw unsupportedFunction(call.name);
    return bind(sqls(call), (a, b) => {
      if (type.element.kind !== 'STRUCT') return `bq_${name}_distance(${a}, ${b})`;
      const parts = [a, b].flatMap((list) => [
        `list_transform(${list}, lambda bq_d: CAST(bq_d.f0 AS VARCHAR))`,
        `list_transform(${list}, lambda bq_d: bq_d.f1)`,
      ]);
      return `bq_${name}_distance_sparse(${parts.join(', ')})`;
    });
  };
}

export const vectorFunctions: Readonly<Record<string, ScalarFunction>> = {
  cosine_distance: distance('cosine'),
  euclidean_distance: distance('euclidean'),
};
