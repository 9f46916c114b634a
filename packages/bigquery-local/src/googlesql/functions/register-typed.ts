// The typed JavaScript functions of the library (typed-function.ts), by their names in DuckDB.
import * as bytes from './udf/byte-strings.ts';
import { fromBase64 } from './udf/bytes.ts';
import { formatValues } from './udf/format.ts';
import * as hll from './udf/hll.ts';
import * as jsonEdit from './udf/json-edit.ts';
import * as jsonLax from './udf/json-lax.ts';
import * as net from './udf/net.ts';
import * as regexp from './udf/regexp.ts';
import { topSum } from './udf/top-sum.ts';
import { join } from './udf/text.ts';
import * as vector from './udf/vector.ts';
import { typed, type TypedFunction } from './typed-function.ts';

export const TYPED_FUNCTIONS: Readonly<Record<string, TypedFunction>> = {
  bq_upper_bytes: typed(['bytes'], 'bytes', bytes.upperBytes),
  bq_lower_bytes: typed(['bytes'], 'bytes', bytes.lowerBytes),
  bq_reverse_bytes: typed(['bytes'], 'bytes', bytes.reverseBytes),
  bq_trim_bytes: typed(['bytes', 'bytes', 'text'], 'bytes', bytes.trimBytes),
  bq_replace_bytes: typed(['bytes', 'bytes', 'bytes'], 'bytes', bytes.replaceBytes),
  bq_split_bytes: typed(['bytes', 'bytes'], 'byte_strings', bytes.splitBytes),
  bq_pad_bytes: typed(['bytes', 'int', 'bytes', 'text'], 'bytes', bytes.padBytes),
  bq_translate_bytes: typed(['bytes', 'bytes', 'bytes'], 'bytes', bytes.translateBytes),
  bq_instr_bytes: typed(['bytes', 'bytes', 'int', 'int'], 'int', bytes.instrBytes),
  bq_from_base64: typed(['text'], 'bytes', fromBase64),
  bq_escaped_bytes: typed(['bytes', 'bool'], 'text', bytes.escapedBytes),
  bq_edit_distance: typed(['text', 'text', 'int'], 'int', bytes.editDistanceText),
  bq_edit_distance_bytes: typed(['bytes', 'bytes', 'int'], 'int', bytes.editDistanceBytes),
  bq_regexp_contains_bytes: typed(['bytes', 'bytes'], 'bool', regexp.regexpContainsBytes),
  bq_regexp_extract: typed(['text', 'text', 'int', 'int'], 'text', regexp.regexpExtract),
  bq_regexp_extract_bytes: typed(['bytes', 'bytes', 'int', 'int'], 'bytes', regexp.regexpExtractBytes),
  bq_regexp_extract_all: typed(['text', 'text'], 'texts', regexp.regexpExtractAll),
  bq_regexp_extract_all_bytes: typed(['bytes', 'bytes'], 'byte_strings', regexp.regexpExtractAllBytes),
  bq_regexp_instr: typed(['text', 'text', 'int', 'int', 'int'], 'int', regexp.regexpInstr),
  bq_regexp_instr_bytes: typed(['bytes', 'bytes', 'int', 'int', 'int'], 'int', regexp.regexpInstrBytes),
  bq_regexp_replace: typed(['text', 'text', 'text'], 'text', regexp.regexpReplace),
  bq_regexp_replace_bytes: typed(['bytes', 'bytes', 'bytes'], 'bytes', regexp.regexpReplaceBytes),
  bq_json_set: typed(['text', 'texts', 'bool'], 'text', jsonEdit.jsonSet),
  bq_json_remove: typed(['text', 'texts'], 'text', jsonEdit.jsonRemove),
  bq_json_array_append: typed(['text', 'texts'], 'text', jsonEdit.jsonArrayAppend),
  bq_json_array_insert: typed(['text', 'texts'], 'text', jsonEdit.jsonArrayInsert),
  bq_json_strip_nulls: typed(['text', 'text', 'bool', 'bool'], 'text', jsonEdit.jsonStripNulls),
  bq_json_keys: typed(['text', 'int', 'text'], 'texts', jsonEdit.jsonKeys),
  bq_json_pretty: typed(['text'], 'text', jsonEdit.jsonPretty),
  bq_json_member: typed(['text', 'text'], 'text', jsonEdit.jsonMember),
  bq_json_object: typed(['texts', 'texts'], 'text', jsonEdit.jsonObject),
  bq_lax_bool: typed(['text'], 'bool', jsonLax.laxBool),
  bq_lax_int64: typed(['text'], 'int', jsonLax.laxInt),
  bq_lax_float64: typed(['text'], 'float', jsonLax.laxFloat),
  bq_lax_string: typed(['text'], 'text', jsonLax.laxString),
  bq_lax_items: typed(['text', 'text'], 'texts', jsonLax.laxItems),
  bq_strict_items: typed(['text', 'text'], 'texts', jsonLax.strictItems),
  bq_cosine_distance: typed(['floats', 'floats'], 'float', vector.cosineDistance),
  bq_euclidean_distance: typed(['floats', 'floats'], 'float', vector.euclideanDistance),
  bq_cosine_distance_sparse: typed(['texts', 'floats', 'texts', 'floats'], 'float', vector.cosineDistanceSparse),
  bq_euclidean_distance_sparse: typed(['texts', 'floats', 'texts', 'floats'], 'float', vector.euclideanDistanceSparse),
  bq_json_flatten: typed(['text'], 'texts', jsonEdit.jsonFlatten),
  bq_contains_json: typed(['text', 'text', 'text'], 'bool', jsonEdit.containsJson),
  bq_hll_init: typed(['ints', 'int', 'text'], 'bytes', hll.hllInit),
  bq_hll_merge: typed(['byte_strings'], 'bytes', hll.hllMerge),
  bq_hll_extract: typed(['bytes'], 'int', hll.hllExtract),
  bq_top_sum: typed(['texts', 'texts', 'int', 'text'], 'texts', topSum),
  bq_net_ip_net_mask: typed(['int', 'int'], 'bytes', net.ipNetMask),
  bq_net_ip_trunc: typed(['bytes', 'int'], 'bytes', net.ipTrunc),
  bq_net_ipv4_from_int64: typed(['int'], 'bytes', net.ipv4FromInt64),
  bq_net_ipv4_to_int64: typed(['bytes'], 'int', net.ipv4ToInt64),
  bq_join: typed(['texts', 'text'], 'text', join),
  bq_format: typed(['text', 'text', 'text', 'texts'], 'text', formatValues),
};
