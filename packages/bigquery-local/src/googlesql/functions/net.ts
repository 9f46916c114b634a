// NET.* functions.
import { tried } from '../values/sql-text.ts';
import { kindOf, sqls } from './call.ts';
import type { ScalarFunction } from './contract.ts';
import { unsupportedFunction } from './unsupported.ts';

function ofText(name: string): ScalarFunction {
  return (call) => {
    if (kindOf(call) !== 'STRING') throw unsupportedFunction(`${call.name} (${kindOf(call)})`);
    return `${name}(${sqls(call)[0]})`;
  };
}

export const netFunctions: Readonly<Record<string, ScalarFunction>> = {
  'net.host': ofText('bq_net_host'),
  'net.reg_domain': ofText('bq_net_reg_domain'),
  'net.public_suffix': ofText('bq_net_public_suffix'),
  'net.ip_from_string': (call) => `unhex(${ofText('bq_net_ip_from_string')(call)})`,
  'net.safe_ip_from_string': (call) => `unhex(${tried(ofText('bq_net_ip_from_string')(call))})`,
  'net.ip_to_string': (call) => `bq_net_ip_to_string(hex(${sqls(call)[0]}))`,
  'net.ip_net_mask': (call) => `bq_net_ip_net_mask(${sqls(call).join(', ')})`,
  'net.ip_trunc': (call) => `bq_net_ip_trunc(${sqls(call).join(', ')})`,
  'net.ipv4_from_int64': (call) => `bq_net_ipv4_from_int64(${sqls(call)[0]})`,
  'net.ipv4_to_int64': (call) => `bq_net_ipv4_to_int64(${sqls(call)[0]})`,
};
